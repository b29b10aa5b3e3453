"""Kind ``sts``: a user's own pairs with scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ablate.data.items import ItemSet
from ablate.statistics.metric import SPEARMAN, Statistic
from ablate.statistics.pearson import PEARSON
from ablate.tasks.own.base import Columns, OwnTask
from ablate.tasks.sts import cosines


class StsColumns(Columns):
    """Which column is what; those without a name are guessed."""

    first: str | None = None
    second: str | None = None
    score: str | None = None


class OwnSts(OwnTask):
    """Spearman's or Pearson's correlation of cosine and score, × 100. The scores are on any scale."""

    help: ClassVar[str] = "your own pairs with scores"
    unit: ClassVar[str] = "points"
    has_pairs: ClassVar[bool] = True
    range: ClassVar[tuple[float, float]] = (-100, 100)

    kind: Literal["sts"] = "sts"
    columns: StsColumns = Field(StsColumns(), exclude=True)
    own_metric: Literal["spearman", "pearson"] = Field("spearman", alias="metric", description="which correlation")

    @classmethod
    def measured_by(cls, given: Mapping[str, Any]) -> str:
        return str(given.get("metric", "spearman"))

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        return cosines(data, embeddings)

    def pairs_of(self, items: ItemSet) -> ItemSet:
        """The pairs, with the range of the whole file's scores put on 0 to 5 linearly."""
        low, high = self._ends()
        # Rounded, so that a score at four fifths of the range is not above 4 by an error of the last digit.
        return replace(items, gold=np.round((items.gold - low) * 5 / (high - low), 9))

    def scale(self) -> str:
        low, high = self._ends()
        return f"scores {low:g} to {high:g} count as 0 to 5, and positives have more than {low + 0.8 * (high - low):g}"

    def _ends(self) -> tuple[float, float]:
        gold = self.read().items.gold
        return float(gold.min()), float(gold.max())

    def statistic(self) -> Statistic:
        return PEARSON if self.own_metric == "pearson" else SPEARMAN
