"""The types of the arrays that tasks return and statistics use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""float64: scores, gold scores, gains or counts."""

Values = NDArray[np.float32]
"""float32 [n]: what a task measured on each item."""


def require_float32_vector(name: str, array: NDArray[np.float32]) -> None:
    """Refuses an array that a store could not return exactly as it was put in.

    Raises:
        ValueError: the array is not float32 [n].
    """
    if array.dtype != np.float32 or array.ndim != 1:
        raise ValueError(f"{name} must be float32 with one axis, not {array.dtype} of shape {array.shape}")
