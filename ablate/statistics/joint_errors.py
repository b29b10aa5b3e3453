"""The errors of many effects that were measured on the same items, from joint bootstrap draws of all of them."""

from __future__ import annotations

import numpy as np

from ablate.statistics.arrays import Floats


def joint_errors(draws: Floats) -> tuple[Floats, Floats]:
    """The standard error of each unit's effect, and the error in each draw, in standard errors.

    Args:
        draws: float64 [draws, units], all effects on each joint bootstrap draw; at least 1 draw.

    Returns:
        float64 [units] and [draws, units]; both are exactly 0 for a unit that never moves.
    """
    moves = np.ptp(draws, axis=0) > 0
    errors = np.where(moves, draws.std(axis=0), 0.0)
    noise = np.where(moves, (draws - draws.mean(axis=0)) / np.where(moves, errors, 1.0), 0.0)
    return errors, noise
