"""Racing: cells are compared on growing shares of the items, and those that cannot be the best any more stop.

Maron and Moore (1993) call it a Hoeffding race. Here the limits are those of paired differences, from a bootstrap, and
hold at all looks together. The truth is the score on *all* items of the task, which the whole evaluation would give:
the items of a look are a random sample of them without replacement, so the errors shrink to 0 as the share grows to 1.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from ablate.statistics.arrays import Floats
from ablate.statistics.boundary import critical_value, information

SHARES = (0.125, 0.25, 0.5)
"""The share of the items that has been seen at each look. After the last look the rest follows."""

FEWEST = 20
"""The fewest clusters of a task on which a look stops anything: with fewer the standard error itself is a guess."""


def overtaken(
    gains: Floats, boots: Floats, share: float, clusters: int, rivals: int, level: float
) -> NDArray[np.bool_]:
    """bool [cells]: which of the cells of a contest stop at a look.

    A cell stops if the upper limit of its gain less the leader's is below 0. The cell that is best on all items stops
    at any look of a contest with probability at most ``level``: to stop it, one of its rivals must seem better by more
    than the limit at some look, and the limit of each has the level ``level / rivals`` over all looks.

    Args:
        gains: float64 [cells], on the items seen so far; NaN of a cell without one, which neither stops nor leads.
        boots: float64 [cells, draws], the same on bootstrap draws of these items, the same draws for all cells.
        share: the share of the items that has been seen.
        clusters: how many clusters have been seen, of the task with the fewest.
        rivals: how many other cells a cell of the contest had at its start.
    """
    stopped = np.zeros(len(gains), bool)
    if clusters < FEWEST or rivals < 1 or not np.isfinite(gains).any():
        return stopped
    leader = int(np.nanargmax(gains))
    limit = quantile(clusters, level / rivals)
    for cell in range(len(gains)):
        if cell == leader or not np.isfinite(gains[cell]):
            continue
        error = standard_error(boots[cell] - boots[leader], share)
        # Two cells with the same values, such as cells with the same mask, differ by nothing and both stay.
        stopped[cell] = error is not None and gains[cell] - gains[leader] + limit * error < 0
    return stopped


def standard_error(boots: Floats, share: float) -> float | None:
    """The standard error of a difference on a share of the items, as an estimate of that on all of them.

    Args:
        boots: float64 [draws], NaN where a draw has no score.

    Returns:
        None if half of the draws or more have no score.
    """
    defined = boots[np.isfinite(boots)]
    if 2 * len(defined) <= len(boots):
        return None
    # (1 - share) is the correction for a finite population: with all items seen, nothing is left to err about.
    return float(defined.std(ddof=1)) * sqrt(1 - share)


def quantile(clusters: int, level: float) -> float:
    """How many standard errors a limit is away, one-sided and at all looks together.

    The boundary of the normal distribution, widened to Student's t, because the standard error is estimated too.
    """
    c = critical_value(information(SHARES), level)
    return float(t.isf(norm.sf(c), clusters - 1))
