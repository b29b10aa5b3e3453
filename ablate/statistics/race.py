"""Racing: cells are compared on growing shares of the items, and those that cannot be the best any more stop.

Maron and Moore (1993) call it a Hoeffding race. Here the limits are those of paired differences, from a bootstrap, and
hold at all looks together. The truth is the score on *all* items of the tasks, which the whole evaluation would give:
the items of a look are a random sample of them without replacement, so the errors shrink to 0 as the share grows to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from ablate.statistics.arrays import Floats
from ablate.statistics.boundary import critical_value, information

SHARES = (0.125, 0.25, 0.5, 0.75)
"""The share of all items that has been seen at each look. After the last look the rest follows."""

FEWEST = 20
"""The fewest clusters of a task on which a look stops anything: with fewer the standard error itself is a guess."""


def allotted(sizes: Sequence[int]) -> tuple[tuple[float, ...], ...]:
    """Of each look, the share of each task, in (0, 1]: as many items of every task, while it has any left.

    The mean over tasks weighs a small task as a large one. At equal shares the small one would bring most of the error.

    Args:
        sizes: the number of items of each task, at least 1.
    """
    looks = []
    for share in SHARES:
        left, counts = share * sum(sizes), dict[int, float]()
        ascending = sorted(range(len(sizes)), key=lambda task: sizes[task])
        for done, task in enumerate(ascending):
            counts[task] = min(float(sizes[task]), left / (len(sizes) - done))
            left -= counts[task]
        looks.append(tuple(counts[task] / sizes[task] for task in range(len(sizes))))
    return tuple(looks)


def limit(sizes: Sequence[int], clusters: int, level: float) -> float:
    """How many standard errors a limit is away, one-sided and at all looks together.

    The boundary of the normal distribution, widened to Student's t, because the standard error is estimated too.

    Args:
        sizes: the number of items of each task.
        clusters: how many clusters have been seen, of the task with the fewest.
    """
    c = critical_value(information(allotted(sizes), tuple(sizes)), level)
    return float(t.isf(norm.sf(c), clusters - 1))


def overtaken(gains: Floats, errors: Floats, away: float, margin: float, debts: Floats) -> NDArray[np.bool_]:
    """bool [cells]: which of the cells of a contest stop at a look.

    A cell stops if the upper limit of its gain less the leader's, with its debt, is below the margin. The leader takes
    the result over as its own debt: so much a cell that stopped before may be better. So the cells that are left have
    one that is at most the margin worse than the best on all items, unless a limit misses.

    Args:
        gains: float64 [cells], on the items seen so far; NaN of a cell without one, which neither stops nor leads.
        errors: float64 [cells, draws], how far off these items are from all: deviations on bootstrap draws, the same
            draws for all cells.
        away: how many standard errors the limit is away.
        debts: float64 [cells], 0 at the start. It is changed in place.
    """
    stopped = np.zeros(len(gains), bool)
    if not np.isfinite(gains).any():
        return stopped
    leader = int(np.nanargmax(gains))
    for cell in range(len(gains)):
        if cell == leader or not np.isfinite(gains[cell]):
            continue
        error = standard_error(errors[cell] - errors[leader])
        if error is None:
            continue
        upper = gains[cell] - gains[leader] + away * error + debts[cell]
        if upper < margin:
            stopped[cell] = True
            debts[leader] = max(debts[leader], upper)
    return stopped


def standard_error(differences: Floats) -> float | None:
    """The standard deviation of the draws, NaN where a draw has no score; None if half of the draws have none."""
    defined = differences[np.isfinite(differences)]
    if 2 * len(defined) <= len(differences):
        return None
    return float(defined.std(ddof=1))


def deviations(scores: Floats, share: float) -> Floats:
    """float64 [draws]: how far off the score on a share of a task's items is from that on all of them.

    (1 - share) is the correction of the variance for a finite population: with all items seen, there is no error left.

    Args:
        scores: float64 [draws], on bootstrap draws of the items seen; NaN where a draw has no score.
    """
    defined = np.isfinite(scores)
    centre = scores[defined].mean() if defined.any() else 0.0
    return np.asarray((scores - centre) * sqrt(1 - share), np.float64)
