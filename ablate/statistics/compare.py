"""A single comparison of scores: the difference, its interval, and its p-values."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import norm, t

from ablate.errors import Undefined
from ablate.statistics.arrays import Floats
from ablate.statistics.looks import Look
from ablate.statistics.power import POWER, DrawsMade, spread_of
from ablate.statistics.verdict import FEWEST_SEEDS

COVERAGE = 0.95
SAME = 1e-9
"""Differences this close count as equal, because a sum of the same terms in another order differs by rounding."""


@dataclass(frozen=True)
class Interval:
    """What is kept of a comparison once it is tested. resamples: bootstrap draws that have a score."""

    delta: float
    low: float
    high: float
    se: float
    resamples: int

    def reversed(self) -> Interval:
        """That of the comparison with the two scores exchanged."""
        return Interval(-self.delta, -self.high, -self.low, self.se, self.resamples)


@dataclass(frozen=True)
class Comparison:
    """A difference of two scores.

    low, high: the percentile bootstrap interval of 95 %.
    se: the standard deviation of ``boots``.
    boots: float64 [draws that have a score], the bootstrap differences.
    """

    delta: float
    low: float
    high: float
    se: float
    boots: Floats

    @property
    def interval(self) -> Interval:
        return Interval(self.delta, self.low, self.high, self.se, len(self.boots))

    def p_below(self, bound: float) -> float:
        """The one-sided p of the claim that the true difference is below ``bound``, from the draws at or above it."""
        return _p(int((self.boots >= bound).sum()), len(self.boots))

    def p_above(self, bound: float) -> float:
        """The one-sided p of the claim that the true difference is above ``bound``."""
        return _p(int((self.boots <= bound).sum()), len(self.boots))

    def reversed(self) -> Comparison:
        """The comparison with the two scores exchanged."""
        return Comparison(-self.delta, -self.high, -self.low, self.se, -self.boots)


def contrast(delta: float, boots: Floats) -> Comparison:
    """A comparison, from its difference and the differences of the bootstrap draws (NaN where a draw has no score).

    Raises:
        Undefined: half of the draws or more have no score.
    """
    defined = boots[np.isfinite(boots)]
    if 2 * len(defined) <= len(boots):
        raise Undefined(f"{len(boots) - len(defined)} of {len(boots)} resamples have no score")
    low, high = np.quantile(defined, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Comparison(delta, float(low), float(high), float(defined.std(ddof=1)), defined)


def studentized(differences: Floats, errors: Floats) -> Floats:
    """Each difference by its own standard error, [draws]; 0 where both are 0.

    Where two models differ in more than their score, swaps make other spreads than the models have. Studentized
    differences have the same distribution in both cases, in the limit (Chung and Romano 2013).
    """
    flat = errors <= SAME
    certain = np.where(np.abs(differences) <= SAME, 0.0, np.copysign(np.inf, differences))
    return np.where(flat, certain, differences / np.where(flat, 1.0, errors))


def permutation_p(observed: float, exchanged: Floats) -> float:
    """Two-sided p of a difference, studentized or not, from those after random swaps: (1 + as far off) / (1 + draws).

    ``as far off`` counts the draws as far from 0 as the observed one (Phipson and Smyth 2010 for the 1). Draws without
    a score are left out.

    Raises:
        Undefined: there is nothing to compare: no observed difference, or no draw with a score.
    """
    defined = exchanged[~np.isnan(exchanged)]
    if np.isnan(observed) or not len(defined):
        raise Undefined("no difference has a score")
    return _p(int((np.abs(defined) >= abs(observed) - SAME).sum()), len(defined))


def smallest_effect(se: float, level: float) -> float:
    """The difference that one two-sided test at ``level`` detects with 80 % power: (z_{1-level/2} + z_{0.8}) × se."""
    return float(norm.ppf(1 - level / 2) + norm.ppf(POWER)) * se


def seeds_p(gains: Floats) -> float:
    """One-sided p of the claim that the mean gain is above 0, by Student's t over the gains at each seed, float64 [k].

    Raises:
        Undefined: fewer than :data:`FEWEST_SEEDS`, or all alike.
    """
    k = len(gains)
    if k < FEWEST_SEEDS:
        raise Undefined(f"{k} train seeds, and a test needs {FEWEST_SEEDS}")
    error = float(gains.std(ddof=1)) / sqrt(k)
    if error <= SAME:
        raise Undefined(f"all {k} train seeds gave the same score")
    return float(t.sf(float(gains.mean()) / error, k - 1))


@dataclass(frozen=True)
class AgainstDraws:
    """A cell compared with random draws.

    p: one-sided, for "the cell is just another random draw" (see :func:`against_draws`).
    draws: how many random draws there are.
    beaten: how many of them have a lower gain than the cell.
    made: the draws, as far as they decide which gain would beat them.
    """

    comparison: Comparison
    p: float
    made: DrawsMade
    draws: int
    beaten: int


def against_draws(
    gain: float,
    boots: Floats,
    draws: Floats,
    draw_boots: Floats,
    rng: np.random.Generator,
    name: str = "matched draws",
    look: Look | None = None,
) -> AgainstDraws:
    """Compares a cell with random draws, which vary more among themselves than over resamples of the pairs.

    The p-value asks whether the cell could be one more draw. If it is, and draws are normal, (gain - mean) /
    (s sqrt(1 + 1/d)) has Student's t distribution with d - 1 degrees of freedom, as in a prediction interval. A rank
    test of twenty draws would give p = 1/21 at best, which no correction survives. The interval is that of the gain
    over the mean draw, from a bootstrap over pairs and draws.

    Args:
        gain: the gain of the cell.
        boots: float64 [resamples], its gains on bootstrap draws of the pairs.
        draws: float64 [d], the gains of the random draws.
        draw_boots: float64 [d, resamples], their gains on the same bootstrap draws of the pairs.
        name: what the draws are called in errors.
        look: if the draws may stop early, at which look they did. p is divided by its share of the level, so that by
            the union bound p holds whichever look that was, and why.

    Raises:
        Undefined: there are fewer than two draws, or all have the same gain.
    """
    d = len(draws)
    if d < 2:
        raise Undefined(f"{d} {name}, and a test needs two")
    made = DrawsMade.of(draws, draw_boots, look)
    if made.spread <= SAME:
        raise Undefined(f"all {d} {name} have the same score")
    # For each resample of the pairs, d draws with replacement: the interval covers the choice of the draws too.
    picked = rng.integers(d, size=(d, len(boots)))
    difference = gain - float(draws.mean())
    compared = contrast(difference, boots - np.take_along_axis(draw_boots, picked, axis=0).mean(0))
    p = min(1.0, p_of_one_more(gain, draws) / (look.share if look else 1.0))
    return AgainstDraws(compared, p, made, d, int((draws < gain).sum()))


def p_of_one_more(gain: float, draws: Floats) -> float:
    """One-sided p of a cell being just another random draw beside d, which must differ. See :func:`against_draws`."""
    return float(t.sf((gain - float(draws.mean())) / float(spread_of(draws)), len(draws) - 1))


def _p(extreme: int, draws: int) -> float:
    # The 1 counts the observed difference as one more draw, so that p is never 0 (Phipson and Smyth 2010).
    return (1 + extreme) / (1 + draws)
