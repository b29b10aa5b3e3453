"""How many units have an effect above a size: bounds for every set of units at once, from joint draws of all effects.

The bounds are those of Blanchard, Neuvial and Roquain (2020), with the thresholds of Simes (1986). Suppose that, for
every k, at most k - 1 units without an effect above the size have a p-value below λk/n. Then a set of units that has j
p-values below λk/n has at least j - k + 1 units with an effect above the size. λ is the largest for which this holds in
97.5 % of the joint draws, so it allows for the correlation between units. The same test in the other direction bounds
the count from above. Both bounds together hold in 95 % of data sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ablate.statistics.arrays import Floats
from ablate.statistics.joint_errors import joint_errors

LEVEL = 0.05
"""Of the two bounds together."""

Members = NDArray[np.bool_]
"""bool [units]: which units a set has."""


@dataclass(frozen=True)
class Proof:
    """What one direction shows. ps: float64 [units]. cuts: the rising thresholds λk/n; empty: every unit is shown."""

    ps: Floats
    cuts: Floats

    def least(self, members: Members) -> int:
        """How many of these units have a true effect in this direction, at least."""
        if not len(self.cuts):
            return int(members.sum())
        below = np.searchsorted(np.sort(self.ps[members]), self.cuts)
        return max(0, int((below - np.arange(len(self.cuts))).max()))

    @property
    def shown(self) -> Members:
        """The units that are shown one by one."""
        return self.ps < self.cuts[0] if len(self.cuts) else np.ones(len(self.ps), bool)


@dataclass(frozen=True)
class CountAbove:
    """The bounds on how many units have an effect above a size; they hold for all sets of units together."""

    above: Proof
    below: Proof

    def at_least(self, members: Members) -> int:
        """How many of these units have an effect above the size, at least."""
        return self.above.least(members)

    def at_most(self, members: Members) -> int:
        """How many of these units have an effect above the size, at most."""
        return int(members.sum()) - self.below.least(members)


def count_above(effects: Floats, draws: Floats, size: float) -> CountAbove:
    """Bounds the number of units whose true effect is above ``size``.

    Args:
        effects: float64 [units].
        draws: float64 [draws, units], all effects on each joint bootstrap draw; at least 2 draws. A unit that never
            moves is taken as known.

    Raises:
        ValueError: fewer than 2 draws, or a number that is not finite.
    """
    if len(draws) < 2 or not np.isfinite(effects).all() or not np.isfinite(draws).all():
        raise ValueError("effects and draws must be finite, of at least 2 draws")
    errors, noise = joint_errors(draws)
    moves = errors > 0
    known = np.where(effects > size, np.inf, -np.inf)
    statistic = np.divide(effects - size, errors, out=known, where=moves)
    return CountAbove(_proof(statistic, noise, moves), _proof(-statistic, -noise, moves))


def _proof(statistic: Floats, noise: Floats, moves: Members) -> Proof:
    """Step-down: units that are shown one by one are true, and leave the draws that set λ."""
    ps, null = np.asarray(norm.sf(statistic), np.float64), np.asarray(norm.sf(noise), np.float64)
    candidates = moves | (statistic < 0)
    while candidates.any():
        moving = np.sort(null[:, candidates & moves], axis=1)
        # The smallest λ/n at which a draw has k p-values below λk/n for some k.
        breaking = (moving / np.arange(1, moving.shape[1] + 1)).min(axis=1, initial=1.0)
        step = float(np.quantile(breaking, LEVEL / 2, method="lower"))
        left = candidates & (ps >= step)
        if left.sum() == candidates.sum():
            return Proof(ps, np.minimum(1.0, step * np.arange(1, left.sum() + 1)))
        candidates = left
    return Proof(ps, np.zeros(0))
