"""Spearman's correlation of many resamples at once: ranks from counts, with one sort for all of them.

A resample that counts pair i ``c_i`` times has N = sum(c) pairs. In it, the pairs that share a value are a tie: with t
pairs in the tie and C pairs up to its end, each has the midrank C - (t - 1) / 2. Pearson's correlation of midranks then
only needs sums over ties, since the variance of the midranks is (N^3 - sum(t^3)) / 12 / N. All terms are multiples of
1/4, so the sums are exact in float64 up to N = 200,000.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ablate.statistics.arrays import Floats

_ELEMENTS = 100_000
"""The number of array elements that are processed at a time, so that they stay in the processor's cache."""


class Ties(NamedTuple):
    """order: int [n], the indices that sort the values. starts: int [ties], where in it each run of ties begins."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> Ties:
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        first = np.ones(len(values), bool)
        first[1:] = ordered[1:] != ordered[:-1]
        return cls(order, np.flatnonzero(first))

    def sums(self, weights: Floats) -> Floats:
        """The weights [draws, n] summed over each tie: float64 [draws, ties], in the order of the values."""
        return self.sums_of_ordered(np.take(weights, self.order, axis=1))

    def sums_of_ordered(self, ordered: Floats) -> Floats:
        """As :meth:`sums`, for weights that are already in the order of the values."""
        if len(self.starts) == len(self.order):  # no two values are equal
            return ordered
        return np.asarray(np.add.reduceat(ordered, self.starts, axis=1), np.float64)


class WeightedGold(NamedTuple):
    """The gold scores' part of the correlation.

    weighted: counts × midranks, [draws, n].
    variance: N × the variance of the midranks, [draws].
    """

    counts: Floats
    weighted: Floats
    variance: Floats


def weigh(gold: NDArray[np.floating], counts: Floats) -> WeightedGold:
    """The gold scores' part of the correlation, which is the same for all models.

    Args:
        counts: float64 [draws, n], whole numbers.
    """
    ties = Ties.of(gold)
    total = ties.sums(counts)
    is_start = np.zeros(len(gold), np.intp)
    is_start[ties.starts[1:]] = 1
    ranks = np.empty_like(counts)
    ranks[:, ties.order] = _midranks(total)[:, np.cumsum(is_start)]
    return WeightedGold(counts, counts * ranks, _variance(total))


def correlate(values: NDArray[np.floating], gold: WeightedGold) -> Floats:
    """Spearman's correlation of ``values`` [n] with the gold scores in each resample: float64 [draws].

    NaN for a resample without a correlation, which has fewer than three pairs or only equal ones.
    """
    ties = Ties.of(values)
    correlations = np.empty(len(gold.counts))
    for part in _parts(*gold.counts.shape):
        counts, weighted, variance = (array[part] for array in gold)
        correlations[part] = _correlation(ties.sums(counts), ties.sums(weighted), variance)
    return correlations


def exchange(
    a: NDArray[np.floating], b: NDArray[np.floating], gold: NDArray[np.floating], swaps: NDArray[np.bool_]
) -> Floats:
    """The correlation of a' minus that of b': a and b with their values swapped where ``swaps`` [draws, n] is True."""
    # All 2n values are sorted once. Each draw counts n of them for a' and the other n for b'.
    ties, n = Ties.of(np.concatenate([a, b])), len(gold)
    pair, of_a = ties.order % n, ties.order < n
    ranks = rankdata(gold)
    variance, ranks = ((ranks - ranks.mean()) ** 2).sum(), ranks[pair]
    total, weighted = (ties.sums_of_ordered(weights[None]) for weights in (np.ones(2 * n), ranks))
    differences = np.empty(len(swaps))
    for part in _parts(len(swaps), 2 * n):
        counts = (np.take(swaps[part], pair, axis=1) ^ of_a).astype(np.float64)
        first, first_weighted = ties.sums_of_ordered(counts), ties.sums_of_ordered(counts * ranks)
        differences[part] = _correlation(first, first_weighted, variance)
        differences[part] -= _correlation(total - first, weighted - first_weighted, variance)
    return differences


def _parts(draws: int, n: int) -> Iterator[slice]:
    size = max(1, _ELEMENTS // max(n, 1))
    return (slice(start, start + size) for start in range(0, draws, size))


def _correlation(total: Floats, weighted: Floats, gold_variance: Floats | float) -> Floats:
    """The correlations [draws], from counts and weighted gold ranks that are summed over ties [draws, ties]."""
    number = total.sum(1)
    covariance = np.einsum("dt,dt->d", _midranks(total), weighted) - number * ((number + 1) / 2) ** 2
    scale = np.sqrt(_variance(total) * gold_variance)
    defined = (scale > 0) & (number >= 3)
    return np.asarray(np.divide(covariance, scale, out=np.full(len(scale), np.nan), where=defined), np.float64)


def _midranks(total: Floats) -> Floats:
    return np.asarray(np.cumsum(total, axis=1) - (total - 1) / 2, np.float64)


def _variance(total: Floats) -> Floats:
    return np.asarray((total.sum(1) ** 3 - np.einsum("dt,dt,dt->d", total, total, total)) / 12, np.float64)
