"""Spearman's correlation of many resamples at once: ranks from counts, with one sort for all of them.

A resample that counts pair i ``c_i`` times has N = sum(c) pairs. In it, the pairs that share a value are a tie: with t
pairs in the tie and C pairs up to its end, each has the midrank C - (t - 1) / 2. Pearson's correlation of midranks then
only needs sums over ties, since the variance of the midranks is (N^3 - sum(t^3)) / 12 / N. All terms are multiples of
1/4, so the sums are exact in float64 up to N = 200,000.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ablate.statistics.arrays import Floats

_ELEMENTS = 30_000
"""Of the arrays worked on at a time, so that they stay in the processor's cache."""

_PIECE, _PIECES = 8, 32
"""See :func:`levels`."""


class Ties(NamedTuple):
    """order: int [n], the indices that sort the values. starts: int [ties], where in it each run of ties begins."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]

    @property
    def members(self) -> NDArray[np.intp]:
        """The tie of each value, in the order of the values."""
        number = np.zeros(len(self.order), np.intp)
        number[self.starts[1:]] = 1
        return np.cumsum(number)

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
    ranks = np.empty_like(counts)
    ranks[:, ties.order] = _midranks(total)[:, ties.members]
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


def levels(values: NDArray[np.floating]) -> Floats:
    """The place of each value in the distribution of all: linear between quantiles, and rising with the value.

    A rank is such a place too. But ranks of two models coincide once they are swapped, and two items with one rank
    count as equal where no two values were. Between quantiles, the spacing of the values is kept; beyond the outermost,
    half a piece from the ends, the line goes on.

    There are as many pieces as have :data:`_PIECE` values each, at most :data:`_PIECES`.
    """
    pieces = int(np.clip(len(values) // _PIECE, 1, _PIECES))
    share = np.array([0.5, *range(1, pieces), pieces - 0.5]) / pieces if pieces > 1 else np.array([0.25, 0.75])
    exact = values.astype(np.float64)
    quantiles, first = np.unique(np.quantile(exact, share), return_index=True)
    if len(quantiles) < 2:
        return np.asarray(rankdata(exact) / len(exact), np.float64)
    share, steps = share[first], np.diff(share[first]) / np.diff(quantiles)
    below, above = np.minimum(exact - quantiles[0], 0), np.maximum(exact - quantiles[-1], 0)
    return np.asarray(np.interp(exact, quantiles, share) + steps[0] * below + steps[-1] * above, np.float64)


class Exchanged(NamedTuple):
    """The difference of two models' correlations after each swap, [draws]; and to first order what each item adds to
    it, [draws, n] (the empirical influence function, whose mean over the items is 0)."""

    difference: Floats
    influence: Floats


def exchange(
    a: NDArray[np.floating], b: NDArray[np.floating], gold: NDArray[np.floating], swaps: NDArray[np.bool_]
) -> Exchanged:
    """What :func:`correlate` gives for a' less that for b', a and b swapped where ``swaps`` [draws, n] is True.

    Of the values of both side by side each draw counts n for a', and the others for b'.
    """
    both, n = Ties.of(np.concatenate([a, b])), len(gold)
    swapped = _SwappedRanks(both, both.order % n, np.argsort(both.order, kind="stable"), _Ranked.of(gold))
    found = Exchanged(np.empty(len(swaps)), np.empty(swaps.shape))
    for part in _parts(len(swaps), 2 * n):
        found.difference[part], found.influence[part] = swapped.difference(swaps[part])
    return found


class _Ranked(NamedTuple):
    """Gold scores. ranks: centered midranks / n, [n]. variance: of these. spread: see :func:`_spread`, [n]."""

    ties: Ties
    tie: NDArray[np.intp]
    ranks: Floats
    variance: float
    spread: Floats

    @classmethod
    def of(cls, gold: NDArray[np.floating]) -> _Ranked:
        n, ties = len(gold), Ties.of(gold)
        ranks = (rankdata(gold) - (n + 1) / 2) / n
        variance = float((ranks**2).mean())
        tie = np.empty(n, np.intp)
        tie[ties.order] = ties.members
        size = np.bincount(tie, minlength=len(ties.starts)) / n
        return cls(ties, tie, ranks, variance, _spread(size, variance or np.nan)[tie])


class _SwappedRanks(NamedTuple):
    """Both models' values in one order. item: of each of the 2n. place: in the order, of each item's value in a, then
    in b.

    The derivative of cov(F(x), G(y)) has three parts: the item's own product of ranks, and how it moves the ranks F of
    all values above its own and the ranks G of all gold scores above its own. With ties, the variances have derivatives
    too.
    """

    ties: Ties
    item: NDArray[np.intp]
    place: NDArray[np.intp]
    gold: _Ranked

    def difference(self, swaps: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """See :class:`Exchanged`."""
        n, gold = swaps.shape[1], self.gold.ranks[self.item]
        of_first = np.take(swaps, self.item, axis=1) ^ (self.ties.order < n)
        both, both_weighted = (self.ties.sums_of_ordered(each[None]) for each in (np.ones(2 * n), gold))
        count = self.ties.sums_of_ordered(of_first.astype(np.float64))
        weighted = self.ties.sums_of_ordered(of_first * gold)
        above = _above(weighted)
        one = self._side(count, weighted, (np.cumsum(count, axis=1) - count / 2) / n - 0.5, above)
        # Centered ranks of both, n values each, add up to those of all 2n.
        ranks = (np.cumsum(both, axis=1) - both / 2) / n - 1 - one.ranks
        two = self._side(both - count, both_weighted - weighted, ranks, _above(both_weighted) - above)
        of_one, of_two = (side.expanded(self.ties) for side in (one, two))
        scaled = np.where(of_first, of_one.ranks / one.scale, of_two.ranks / -two.scale)
        influence = scaled * gold
        influence += np.where(of_first, of_one.around, -of_two.around)
        ranks, influence = (
            np.take(each, self.place[:n], axis=1) + np.take(each, self.place[n:], axis=1)
            for each in (scaled, influence)
        )
        difference = one.correlation - two.correlation
        influence += np.take(_above(self.gold.ties.sums(ranks)), self.gold.tie, axis=1) / n
        influence += difference[:, None] * self.gold.spread
        return difference, influence - influence.mean(1, keepdims=True)

    def _side(self, count: Floats, weighted: Floats, ranks: Floats, above: Floats) -> _Side:
        n = len(self.gold.ranks)
        tied = len(self.ties.starts) < 2 * n
        cubes = np.einsum("dt,dt,dt->d", count, count, count) if tied else np.full(len(count), float(n))
        variance = (1 - cubes / n**3) / 12
        defined = (variance > 1e-12) & (self.gold.variance > 0) & (n >= 3)
        scale = np.sqrt(np.where(defined, variance * self.gold.variance, np.nan))[:, None]
        correlation = np.einsum("dt,dt->d", ranks, weighted) / n / scale[:, 0]
        around = above / (n * scale)
        if tied:
            around += correlation[:, None] * _spread(count / n, np.where(defined, variance, np.nan)[:, None])
        return _Side(correlation, scale, ranks, around)


class _Side(NamedTuple):
    """One model after the swaps. correlation: [draws]; scale: of covariances, [draws, 1]; ranks, and what a value adds
    through those of the values around it: [draws, ties]."""

    correlation: Floats
    scale: Floats
    ranks: Floats
    around: Floats

    def expanded(self, ties: Ties) -> _Side:
        """With an entry for each value in the place of each tie."""
        if len(ties.starts) == len(ties.order):
            return self
        return self._replace(ranks=self.ranks[:, ties.members], around=self.around[:, ties.members])


def _above(sums: Floats) -> Floats:
    """What lies above each tie, and half of its own: [draws, ties]."""
    return np.asarray(sums.sum(1, keepdims=True) - np.cumsum(sums, axis=1) + sums / 2, np.float64)


def _spread(share: Floats, variance: Any) -> Floats:
    """What an item adds, per unit of correlation, through the variance (1 - sum of share³) / 12 of tied ranks."""
    return np.asarray(share**2 / (8 * variance), np.float64)


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
