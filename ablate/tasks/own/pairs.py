"""Kind ``pairs``: a user's own pairs with labels 0 and 1."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ablate.data.items import ItemSet
from ablate.statistics.average_precision import AVERAGE_PRECISION
from ablate.statistics.metric import Statistic
from ablate.tasks.own.base import Columns, OwnTask
from ablate.tasks.sts import cosines


class PairsColumns(Columns):
    """Which column is what; those without a name are guessed."""

    first: str | None = None
    second: str | None = None
    label: str | None = None


class OwnPairs(OwnTask):
    """Average precision, × 100: do pairs with label 1 have higher cosines than those with label 0?

    It is MTEB's ``cosine_ap`` of pair classification, and needs no threshold.
    """

    help: ClassVar[str] = "your own pairs with labels 0 and 1"
    metric: ClassVar[str] = "average precision"
    unit: ClassVar[str] = "points"
    has_pairs: ClassVar[bool] = True
    range: ClassVar[tuple[float, float]] = (0, 100)

    kind: Literal["pairs"] = "pairs"
    columns: PairsColumns = Field(PairsColumns(), exclude=True)

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        return cosines(data, embeddings)

    def pairs_of(self, items: ItemSet) -> ItemSet:
        """The pairs; label 1 becomes 5."""
        return replace(items, gold=5 * items.gold)

    def scale(self) -> str:
        return "label 1 counts as 5, and positives have label 1"

    def statistic(self) -> Statistic:
        return AVERAGE_PRECISION
