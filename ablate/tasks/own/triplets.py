"""Kind ``triplets``: a user's own triplets."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from ablate.data.items import ItemSet
from ablate.statistics.metric import Statistic
from ablate.tasks.own.base import PERCENT, Columns, OwnTask


class TripletsColumns(Columns):
    """Which column is what; those without a name are guessed."""

    anchor: str | None = None
    positive: str | None = None
    negative: str | None = None


class OwnTriplets(OwnTask):
    """Accuracy, × 100: how often the anchor is nearer to its positive than to its negative, by cosine."""

    help: ClassVar[str] = "your own triplets"
    metric: ClassVar[str] = "accuracy"
    unit: ClassVar[str] = "points"
    has_pairs: ClassVar[bool] = True
    range: ClassVar[tuple[float, float]] = (0, 100)

    kind: Literal["triplets"] = "triplets"
    columns: TripletsColumns = Field(TripletsColumns(), exclude=True)

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        unit = normalize(embeddings, dim=1)
        anchor, positive, negative = (unit[rows] for rows in data.rows(3))
        nearer: NDArray[np.bool_] = ((anchor * positive).sum(1) > (anchor * negative).sum(1)).numpy()
        return nearer.astype(np.float32)

    def pairs_of(self, items: ItemSet) -> ItemSet:
        """Two pairs of each triplet: the anchor with the positive has 5, and with the negative 0."""
        rows = [
            ((anchor, other), gold, subset)
            for (anchor, positive, negative), subset in zip(items.texts, items.subsets, strict=True)
            for other, gold in ((positive, 5.0), (negative, 0.0))
        ]
        return ItemSet.from_rows(items.name, items.split, items.source, rows)

    def scale(self) -> str:
        return "an anchor and its positive count as 5, an anchor and its negative as 0"

    def statistic(self) -> Statistic:
        return PERCENT
