"""Whether a cell needs no more random draws: it beats them for certain, or has hardly a chance to beat them any more.

Besag and Clifford (1991) stop a Monte Carlo test once its outcome is settled. They count the draws that reach the
observed value; the test here is Student's t (:func:`~ablate.statistics.compare.against_draws`), so the chance that it
will succeed takes the place of the count (stochastic curtailment: Lan, Simon and Halperin 1982).
"""

from __future__ import annotations

from functools import cache
from math import sqrt
from typing import Literal

import numpy as np
from scipy.stats import t

from ablate.statistics.arrays import Floats
from ablate.statistics.compare import SAME, p_of_one_more
from ablate.statistics.looks import Look
from ablate.statistics.power import spread_of

CHANCE = 0.01
"""Below this chance of success with all draws, no more are made."""

_SIMULATED = 200_000

Settled = Literal["beats", "fails"]


def settled(gain: float, draws: Floats, look: Look, level: float, sure: float) -> Settled | None:
    """What is settled of a cell at a look at its draws, or None.

    ``beats``: p is at most ``sure``. ``fails``: if more draws are like these, normal, the chance that p will be at most
    ``level`` with all of them is below :data:`CHANCE`. p is that of the look, divided by its share of the level.

    Args:
        gain: of the cell.
        draws: float64 [d], the gains of the draws, without those that failed.
        level: the largest p with which the claim may be supported. sure: the largest with which it always is, whatever
            the other cells of its family do (:func:`~ablate.statistics.correction.sure_level`).
    """
    d = len(draws)
    if d < 2 or float(draws.std(ddof=1)) <= SAME:
        return None
    if p_of_one_more(gain, draws) / look.share <= sure:
        return "beats"
    if look.more <= 0:
        return None
    needed = least_statistic(d, look.more, level * look.share_of_last)
    return "fails" if (gain - float(draws.mean())) / float(spread_of(draws)) < needed else None


@cache
def least_statistic(d: int, more: int, p: float) -> float:
    """The statistic of d draws below which the chance that p is reached with ``more`` draws is :data:`CHANCE`.

    With d draws of mean 0 and sd 1 known, and nothing known of the mean and the variance before, the variance is (d-1)
    over χ² with d-1 degrees of freedom, the mean of the further draws is normal around 0 with variance (1/d + 1/more)
    times that, and the sum of their squares has χ² with more-1 degrees. Each simulation of these gives the statistic
    of d draws from which on the test of all draws succeeds; the chance to reach it is a quantile of these.
    """
    rng = np.random.default_rng(0)
    n = d + more
    sd = np.sqrt((d - 1) / rng.chisquare(d - 1, _SIMULATED))
    z = rng.standard_normal(_SIMULATED)
    squares = rng.chisquare(more - 1, _SIMULATED) if more > 1 else np.zeros(_SIMULATED)
    mean = sd * z * sqrt(more / (d * n))
    # What the distance of the two means adds to the sum of squares is sd² z².
    of_all = np.sqrt((d - 1 + sd**2 * (squares + z**2)) / (n - 1))
    needed = (mean + t.isf(p, n - 1) * of_all * sqrt(1 + 1 / n)) / sqrt(1 + 1 / d)
    return float(np.quantile(needed, CHANCE))
