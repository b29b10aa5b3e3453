"""The arrays that statistics take and give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""Scores, gold scores, gains, counts."""

Values = NDArray[np.float32]
"""float32 [n]: what a task measured on each item."""
