"""Do contributions, and the units that they remove, stay the same when the calibration set changes?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

SAME = 0.9
"""Rankings are the same when their rank correlation is at least this, removed sets when they share this of a set."""

SHARED = SAME / (2 - SAME)
"""The Jaccard index (9/11) of two sets of one size that share :data:`SAME` of their units."""


@dataclass(frozen=True)
class Spread:
    """mean, low, high: of the values that are defined; count: how many those are, at least 1."""

    mean: float
    low: float
    high: float
    count: int


def spread(values: Iterable[float | None]) -> Spread | None:
    """The mean and range of the values that are not None; None where there is none."""
    found = [value for value in values if value is not None]
    return Spread(fmean(found), min(found), max(found), len(found)) if found else None


def rank_correlations(first: NDArray[np.float32], second: NDArray[np.float32]) -> tuple[float | None, float | None]:
    """Kendall's τ-b and Spearman's ρ of two contributions of the same units.

    Args:
        first, second: [units], finite.

    Returns:
        Each in [-1, 1]; None where one of the two ranks no unit before another, or there are fewer than 2 units.
    """
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None, None
    return float(kendalltau(first, second).statistic), float(spearmanr(first, second).statistic)


def jaccard(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float | None:
    """Units in both sets as a share of those in either, in [0, 1]; None where both are empty.

    Args:
        first, second: bool [units], True = in the set.
    """
    either = int((first | second).sum())
    return int((first & second).sum()) / either if either else None


def enough(sizes: Sequence[int], correlations: Sequence[float | None], overlaps: Sequence[float | None]) -> int | None:
    """The smallest size from which on (there and at every larger size) rankings and removed sets are the same.

    Args:
        sizes: ascending.
        correlations: at each size the mean rank correlation with the largest size.
        overlaps: at each size the mean Jaccard index of removed sets with those of the largest size.

    Returns:
        The smallest size with a correlation of :data:`SAME` and an overlap of :data:`SHARED` at least; None where
        not even the largest has them. What is undefined is not the same.
    """
    found = None
    for size, correlation, overlap in sorted(zip(sizes, correlations, overlaps, strict=True), reverse=True):
        if correlation is None or overlap is None or correlation < SAME or overlap < SHARED:
            break
        found = size
    return found
