"""The boundary of a sequence of looks at the same data as they grow: how far a difference must be from 0 to stop.

A test made at every look at a fixed critical value errs more often than its level says. Here the critical value is the
same at every look (Pocock 1977), and large enough that an error at any of them has the probability asked for.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import simpson
from scipy.optimize import brentq
from scipy.stats import norm

_POINTS = 1201
"""Points of the grid on which densities are integrated: errors of the probability are below 1e-6."""

_FAR = 9.0
"""Standard deviations beyond which a normal density is taken for 0."""


def information(shares: tuple[tuple[float, ...], ...], sizes: tuple[int, ...]) -> tuple[float, ...]:
    """The information of each look if the truth is the mean over tasks of the value on all of their items.

    A mean over a random share f of N items, drawn without replacement, is off the mean over all N with variance
    (σ² / N) (1 - f) / f. The errors at increasing shares are those of a Brownian motion W(t) / t at 1 / t = that
    variance, and so is the sum of the errors of several tasks. All tasks are taken to have the same σ.

    Args:
        shares: of each look, the share of each task, in (0, 1] and not all 1; ascending from look to look.
        sizes: the number of items of each task.
    """
    errors = (sum((1 - f) / (f * n) for f, n in zip(look, sizes, strict=True)) for look in shares)
    return tuple(1 / error for error in errors)


@cache
def critical_value(information: tuple[float, ...], level: float) -> float:
    """c such that a standardized error exceeds c at any of the looks with probability ``level``, one-sided.

    Args:
        information: of each look, ascending; only the ratios count.
    """
    low = float(norm.isf(level))
    high = float(norm.isf(level / len(information)))  # Bonferroni over the looks
    if len(information) == 1 or high - low < 1e-9:
        return low
    return float(brentq(lambda c: crossing(information, c) - level, low, high + 1e-6, xtol=1e-8))


def crossing(information: tuple[float, ...], c: float) -> float:
    """The probability that W(t) / sqrt(t) > c at any of the times ``information`` of a Brownian motion W.

    The density of the paths that have not crossed is carried from look to look (Armitage, McPherson and Rowe 1969).
    """
    points = _grid(information[0], c)
    density = norm.pdf(points, scale=sqrt(information[0]))
    for before, after in pairwise(information):
        step = sqrt(after - before)
        onto = _grid(after, c)
        moved = norm.pdf(onto[:, None], loc=points[None], scale=step) * density
        points, density = onto, np.asarray(simpson(moved, x=points, axis=1), np.float64)
    return 1 - float(simpson(density, x=points))


def _grid(time: float, c: float) -> NDArray[np.float64]:
    return np.linspace(-_FAR * sqrt(time), c * sqrt(time), _POINTS)
