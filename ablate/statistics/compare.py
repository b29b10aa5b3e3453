"""One comparison: its size, its interval, and how likely chance alone is to bring it about."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import norm, t

from ablate.errors import Undefined
from ablate.statistics.arrays import Floats
from ablate.statistics.verdict import FEWEST_SEEDS

COVERAGE = 0.95
POWER = 0.8
_SAME = 1e-9
"""Differences this close are equal: they are sums of the same terms in another order."""


@dataclass(frozen=True)
class Comparison:
    """A difference of two scores.

    low, high: percentile bootstrap interval of 95 %. se: standard deviation of the bootstrap differences, ``boots``,
    float64 [draws that have a score].
    """

    delta: float
    low: float
    high: float
    se: float
    boots: Floats

    def p_below(self, bound: float) -> float:
        """One-sided p of the claim that the true difference is below ``bound``: of draws at or above it."""
        return _p(int((self.boots >= bound).sum()), len(self.boots))

    def p_above(self, bound: float) -> float:
        """The same of the claim that it is above."""
        return _p(int((self.boots <= bound).sum()), len(self.boots))

    def turned(self) -> Comparison:
        """The same comparison the other way round."""
        return Comparison(-self.delta, -self.high, -self.low, self.se, -self.boots)


def contrast(delta: float, boots: Floats) -> Comparison:
    """A comparison from its difference and those of the bootstrap draws, NaN where a draw has no score.

    Raises:
        Undefined: most draws have none.
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
    flat = errors <= _SAME
    certain = np.where(np.abs(differences) <= _SAME, 0.0, np.copysign(np.inf, differences))
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
    return _p(int((np.abs(defined) >= abs(observed) - _SAME).sum()), len(defined))


def smallest_effect(se: float, level: float) -> float:
    """The difference that a two-sided test at ``level`` finds with 80 % power: (z_{1-level/2} + z_{0.8}) × se."""
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
    if error <= _SAME:
        raise Undefined(f"all {k} train seeds gave the same score")
    return float(t.sf(float(gains.mean()) / error, k - 1))


@dataclass(frozen=True)
class AgainstDraws:
    """A cell against ``draws`` random ones of which ``beaten`` have a lower gain.

    p: one-sided, that another random draw would gain as much as the cell (see :func:`against_draws`).
    """

    comparison: Comparison
    p: float
    smallest_effect: float
    draws: int
    beaten: int


def against_draws(
    gain: float, boots: Floats, draws: Floats, draw_boots: Floats, level: float, rng: np.random.Generator
) -> AgainstDraws:
    """Sets a cell against random draws, which vary more from one to the next than with the pairs.

    The p-value asks whether the cell could be one draw more. If so, and if draws are normal, (gain - mean) /
    (s sqrt(1 + 1/d)) has Student's t distribution with d - 1 degrees of freedom, as in a prediction interval. The
    interval is of the gain over the mean draw, from a bootstrap over pairs and draws.

    Args:
        gain: of the cell; ``boots`` float64 [resamples], its gains on bootstrap draws of the pairs.
        draws: float64 [d], the gains of the random ones; ``draw_boots`` float64 [d, resamples].

    Raises:
        Undefined: fewer than two draws, or all of one gain.
    """
    d = len(draws)
    if d < 2:
        raise Undefined(f"{d} matched draws, and a test needs two")
    spread = float(draws.std(ddof=1)) * sqrt(1 + 1 / d)
    if spread <= _SAME:
        raise Undefined(f"all {d} matched draws have the same score")
    picked = rng.integers(d, size=(d, len(boots)))
    difference = gain - float(draws.mean())
    compared = contrast(difference, boots - np.take_along_axis(draw_boots, picked, axis=0).mean(0))
    least = float(t.ppf(1 - level, d - 1) + t.ppf(POWER, d - 1)) * spread
    p = float(t.sf(difference / spread, d - 1))
    return AgainstDraws(compared, p, least, d, int((draws < gain).sum()))


def _p(extreme: int, draws: int) -> float:
    return (1 + extreme) / (1 + draws)
