"""How well two rankings of the same units agree, and the sets of units that they remove."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

SAME = 0.9
"""Two rankings count as the same from this rank correlation on, and two removed sets from this shared fraction on."""

SHARED = SAME / (2 - SAME)
"""The Jaccard index (9/11) of two sets of equal size that share the fraction :data:`SAME` of their units."""


@dataclass(frozen=True)
class Spread:
    """The mean, lowest and highest of the defined values. count: how many values are defined, at least 1."""

    mean: float
    low: float
    high: float
    count: int


def spread(values: Iterable[float | None]) -> Spread | None:
    """The mean and range of the values that are not None; None if all values are None."""
    defined = [value for value in values if value is not None]
    return Spread(fmean(defined), min(defined), max(defined), len(defined)) if defined else None


def rank_correlations(first: NDArray[np.float32], second: NDArray[np.float32]) -> tuple[float | None, float | None]:
    """Kendall's τ-b and Spearman's ρ of two contributions of the same units.

    Args:
        first, second: float32 [units], finite.

    Returns:
        Each in [-1, 1]; None where all contributions of one of the two are equal, or there are fewer than 2 units.
    """
    # Imported here: reports of studies need the record, and scipy.stats takes half a second to import.
    from scipy.stats import kendalltau, spearmanr

    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None, None
    return float(kendalltau(first, second).statistic), float(spearmanr(first, second).statistic)


def jaccard(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float | None:
    """The Jaccard index of two sets of units, in [0, 1]: units in both, as a share of those in either.

    None where both sets are empty.

    Args:
        first, second: bool [units], True = in the set.
    """
    either = int((first | second).sum())
    return int((first & second).sum()) / either if either else None


def enough(sizes: Sequence[int], correlations: Sequence[float | None], overlaps: Sequence[float | None]) -> int | None:
    """The smallest size at which, and above which, rankings and removed sets stay the same.

    The same means a correlation of at least :data:`SAME` and an overlap of at least :data:`SHARED`; an undefined value
    does not count as the same.

    Args:
        sizes: numbers of calibration pairs, in any order.
        correlations: for each size, the mean rank correlation with the largest size.
        overlaps: for each size, the mean Jaccard index of its removed sets with those of the largest size.

    Returns:
        None if not even the largest size is enough.
    """
    smallest = None
    for size, correlation, overlap in sorted(zip(sizes, correlations, overlaps, strict=True), reverse=True):
        if correlation is None or overlap is None or correlation < SAME or overlap < SHARED:
            break
        smallest = size
    return smallest
