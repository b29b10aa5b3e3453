"""The size of a gain that would get a verdict with 80 % power, as the other cells of the family stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import floor, isfinite, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from ablate.statistics.arrays import Floats
from ablate.statistics.looks import Look

POWER = 0.8


def largest_ps(ps: Sequence[float], level: float, method: str) -> Floats:
    """The largest p with which each claim of a family is supported at ``level``, where the others' p stand.

    A claim's own p has no influence on its entry.

    Args:
        ps: at least one, not corrected.
        method: one of :data:`ablate.statistics.correction.METHODS`.
    """
    own, m = np.asarray(ps, float), len(ps)
    ordered = np.sort(own)
    if method == "holm":
        return _largest_by_holm(ordered, np.argsort(np.argsort(own, kind="stable")), level)
    scale = level / m / (float((1 / np.arange(1, m + 1)).sum()) if method == "by" else 1.0)
    steps = scale * np.arange(1, m + 1)
    # With p at step r, a claim is the r-th that is supported if r - 1 others are at most there. The others are as many
    # as all, or one fewer where the claim's own p is at most there too.
    at_most = np.searchsorted(ordered, steps, side="right")
    enough = np.flatnonzero(at_most >= np.arange(1, m + 1))
    without_own = np.flatnonzero(at_most == np.arange(m))
    highest = np.full(m, enough[-1] if len(enough) else -1)
    if len(without_own):
        below = np.searchsorted(steps[without_own], own) - 1
        highest = np.maximum(highest, np.where(below < 0, -1, without_own[below]))
    return np.asarray(steps[highest], np.float64)


def _largest_by_holm(ordered: Floats, rank: NDArray[np.intp], level: float) -> Floats:
    """As :func:`largest_ps`. rank: the position of each claim in ``ordered``.

    Holm goes up the p-values and stops at the first that is too large, p number k at more than level / (m - k). The
    others stop where all do if that is below the claim, and else at the first that is too large one place further down.
    """
    m = len(ordered)
    bounds = level / (m - np.arange(m))
    first = int(np.argmax(np.append(ordered > bounds, True)))
    moved = np.append(ordered[1:] > bounds[:-1], True)
    # The next position from each on at which the others stop, if all before it pass.
    stops = np.minimum.accumulate(np.where(moved, np.arange(m), m)[::-1])[::-1]
    return np.asarray(bounds[np.where(first < rank, first, stops[rank])], np.float64)


@dataclass(frozen=True)
class DrawsMade:
    """The matched draws of a cell, as they are.

    mean: of their gains. spread: s √(1 + 1/d), by which the test against draws divides. draws: d.
    means, spreads: float64 [resamples], the same on each bootstrap draw of the pairs. share: of the level, that the
    test has. Of draws that stopped early, d and the share are those of the last look, since a cell that gains more
    would have been given all draws.
    """

    mean: float
    spread: float
    draws: int
    means: Floats
    spreads: Floats
    share: float = 1.0

    @classmethod
    def of(cls, gains: Floats, boots: Floats, look: Look | None = None) -> DrawsMade:
        """From the gains, float64 [d], and those on bootstrap draws of the pairs, float64 [d, resamples]."""
        n = len(gains) + (look.more if look else 0)
        spread, spreads = float(spread_of(gains, n)), spread_of(boots, n)
        return cls(float(gains.mean()), spread, n, boots.mean(0), spreads, look.share_of_last if look else 1.0)

    def needed(self, p: float) -> Floats:
        """float64 [resamples]: the gains that have this p against the draws, on new pairs for the same masks.

        The mean and the spread of the draws vary over samples. Both are known from one sample alone, which differs from
        the masks' true mean and spread as much as the new one does, so that they vary twice.
        """
        shift, ratio = self.means - np.nanmean(self.means), self.spreads / np.sqrt(np.nanmean(self.spreads**2))
        half = len(shift) // 2
        means = self.mean + shift - np.roll(shift, half)
        # Two draws may have the same score on some pairs, and then tell nothing of the ratio there.
        with np.errstate(divide="ignore", invalid="ignore"):
            change = ratio / np.roll(ratio, half)
        return np.asarray(means + t.isf(p * self.share, self.draws - 1) * self.spread * change, np.float64)


@dataclass(frozen=True)
class ErrorAtPower:
    """The bootstrap error of a gain that is exceeded in 80 % of samples, between the two next to it.

    lower, upper: the two errors. weight: where it is between them, in [0, 1): 0 = at the upper one.
    """

    lower: float
    upper: float
    weight: float

    @classmethod
    def of(cls, boots: Floats) -> ErrorAtPower:
        """From the gains on the draws, float64 [resamples]; NaN where one has no score."""
        errors = np.sort(boots - np.nanmean(boots))
        last = int(np.isfinite(errors).sum()) - 1
        place = POWER * last
        above = last - int(place)
        return cls(float(errors[max(above - 1, 0)]), float(errors[above]), place - int(place))

    def smallest_gain(self, se: float, permutations: int, p: float) -> float | None:
        """As :func:`smallest_gain` without rivals."""
        needed = _needed_of_permutations(permutations, p)
        if needed is None:
            return None
        # In this order of operations, as numpy's quantile of all draws is.
        low, high = needed * se - self.upper, needed * se - self.lower
        gain = low + (high - low) * self.weight if self.weight < 0.5 else high - (high - low) * (1 - self.weight)
        return gain if isfinite(gain) else None


@cache  # a quantile takes 50 µs, and many cells of a family need the same one
def _needed_of_permutations(permutations: int, p: float) -> float | None:
    """How many standard errors the permutation test asks for at ``p``; None if it cannot give so small a p."""
    steps = floor(p * (1 + permutations) + 1e-9)
    return float(norm.isf(steps / (1 + permutations) / 2)) if steps else None


def smallest_gain(
    boots: Floats, se: float, permutations: int, p: float, drawn: Sequence[DrawsMade] = ()
) -> float | None:
    """The true gain over dense whose claim is supported in 80 % of samples of pairs; None if no gain would be.

    The claim is supported if the permutation test's two-sided p is at most ``p``, which the normal distribution
    approximates, and also the one-sided p against each of ``drawn``. Of the pairs of a new sample, the bootstrap
    says how the gains of the cell and of the draws vary together.

    Args:
        boots: float64 [resamples], the gains of the cell; NaN where one has no score. se: their standard deviation.
        permutations: how many the permutation test made, which cannot give a p below 1 / (1 + permutations).
    """
    if not drawn:
        return ErrorAtPower.of(boots).smallest_gain(se, permutations, p)
    of_permutations = _needed_of_permutations(permutations, p)
    if of_permutations is None:
        return None
    needed = np.full(len(boots), of_permutations * se)
    for made in drawn:
        needed = np.maximum(needed, made.needed(p))
    error = boots - np.nanmean(boots)
    with np.errstate(invalid="ignore"):
        gain = float(np.nanquantile(needed - error, POWER))
    return gain if isfinite(gain) else None


def spread_of(draws: Floats, d: int | None = None) -> Floats:
    """s √(1 + 1/d) of the gains of d draws, along the first axis: the sd of one more draw less their mean.

    Args:
        d: of how many draws the mean is; of all of these unless given.
    """
    return np.asarray(draws.std(0, ddof=1), np.float64) * sqrt(1 + 1 / (len(draws) if d is None else d))
