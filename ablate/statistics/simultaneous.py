"""Bounds that hold together, so that they also hold for the one that is picked."""

from __future__ import annotations

from scipy.stats import norm


def lower_bound(gain: float, se: float, level: float, family: int) -> float:
    """What the true gain is above, with confidence 1 - ``level`` for all bounds of the family together.

    By Bonferroni, and from a normal distribution: a tail of level / family would need more bootstrap draws than there
    are.

    Args:
        se: the standard error of ``gain``. family: how many bounds there are, at least one.
    """
    return gain - float(norm.isf(level / family)) * se
