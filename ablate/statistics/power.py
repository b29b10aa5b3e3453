"""The size of a gain that would get a verdict with 80 % power, as the other cells of the family stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, sqrt

import numpy as np
from scipy.stats import norm, t

from ablate.statistics.arrays import Floats

POWER = 0.8


def largest_p(others: Sequence[float], level: float, method: str) -> float:
    """The largest p with which one more claim of a family is supported at ``level``, where the others' p stand.

    Args:
        others: the p-values of the other claims, not corrected.
        method: a name of :data:`ablate.statistics.correction.METHODS`.
    """
    ordered, m = np.sort(np.asarray(others, float)), len(others) + 1
    if method == "holm":
        passed = 0
        while passed < len(others) and ordered[passed] <= level / (m - passed):
            passed += 1
        return level / (m - passed)
    scale = level / m / (float((1 / np.arange(1, m + 1)).sum()) if method == "by" else 1.0)
    steps = scale * np.arange(1, m + 1)
    # With p at step r, the claim is the r-th that is supported if r - 1 others are at most there.
    supported = np.searchsorted(ordered, steps, side="right") >= np.arange(m)
    return float(steps[supported].max())


@dataclass(frozen=True)
class DrawsMade:
    """The matched draws of a cell, as they are.

    mean: of their gains. spread: s √(1 + 1/d), by which the test against draws divides. draws: d.
    means, spreads: float64 [resamples], the same on each bootstrap draw of the pairs.
    """

    mean: float
    spread: float
    draws: int
    means: Floats
    spreads: Floats

    @classmethod
    def of(cls, gains: Floats, boots: Floats) -> DrawsMade:
        """From the gains, float64 [d], and those on bootstrap draws of the pairs, float64 [d, resamples]."""
        spread = float(spread_of(gains))
        return cls(float(gains.mean()), spread, len(gains), boots.mean(0), np.asarray(spread_of(boots), np.float64))

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
        return np.asarray(means + t.isf(p, self.draws - 1) * self.spread * change, np.float64)


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
    steps = floor(p * (1 + permutations) + 1e-9)
    if not steps:
        return None
    needed = np.full(len(boots), norm.isf(steps / (1 + permutations) / 2) * se)
    for made in drawn:
        needed = np.maximum(needed, made.needed(p))
    error = boots - np.nanmean(boots)
    with np.errstate(invalid="ignore"):
        gain = float(np.nanquantile(needed - error, POWER))
    return gain if isfinite(gain) else None


def spread_of(draws: Floats) -> Floats:
    """s √(1 + 1/d) of the gains of d draws, along the first axis: the sd of one more draw less their mean."""
    return np.asarray(draws.std(0, ddof=1), np.float64) * sqrt(1 + 1 / len(draws))
