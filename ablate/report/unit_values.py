"""A value for each unit, with where the unit is: a mask or contributions, for Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ablate.granularities.base import Granularity
    from ablate.models.model import Model


@dataclass(frozen=True, eq=False)
class UnitValues:
    """A value for each unit of one granularity, layer by layer.

    values: [units]: bool, True = keep, of a mask; float32, higher = keep, of contributions.
    layer: int64 [units], the layer of each unit, from 0.
    index: int64 [units], its number within the layer, from 0.
    """

    granularity: str
    values: NDArray[Any]
    layer: NDArray[np.int64]
    index: NDArray[np.int64]

    @classmethod
    def of(cls, granularity: Granularity, model: Model, values: NDArray[np.bool_] | NDArray[np.float32]) -> UnitValues:
        """The values of a model's units, in the order of the granularity."""
        layer = granularity.layers(model).numpy()
        return cls(granularity.name, values, layer, np.arange(len(layer)) - np.searchsorted(layer, layer))

    def __len__(self) -> int:
        return len(self.values)
