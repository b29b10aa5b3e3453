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
    range: ClassVar[tuple[float, float]] = (0, 100)

    kind: Literal["triplets"] = "triplets"
    columns: TripletsColumns = Field(TripletsColumns(), exclude=True)

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        unit = normalize(embeddings, dim=1)
        anchor, positive, negative = (unit[rows] for rows in data.rows(3))
        nearer: NDArray[np.bool_] = ((anchor * positive).sum(1) > (anchor * negative).sum(1)).numpy()
        return nearer.astype(np.float32)

    def statistic(self) -> Statistic:
        return PERCENT
