"""Whether units that hurt on one half of the pairs hurt on the other half: a check that assumes no distribution.

Where no unit hurts, a gain above 0 on one half says nothing of the other half, where a gain above 0 comes in at most
half of the cases. So the share of gains that replicate is at most 50 % then, whatever the share of units that gain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ablate.statistics.arrays import Floats
from ablate.statistics.joint_errors import joint_errors


@dataclass(frozen=True)
class Replication:
    """How often a gain above 0 replicates.

    replicated: the share of units with a gain above 0 on one half that also have one on the other half, in [0, 1].
    low, high: its 95 % interval, over pairs and units.
    p: one-sided, of the claim that it is above 50 %, which it is only if some unit hurts.
    """

    replicated: float
    low: float
    high: float
    p: float


def replication(first: Floats, second: Floats, gains: Floats, draws: Floats) -> Replication | None:
    """Pools many splits of the pairs into halves, each half as the first once and as the second once.

    A half of the pairs has √2 times the error of all pairs. So a unit with the gain d and the error s gains on a half
    in Φ(d/s) of the splits, and on both halves in 2 Φ(d/s) - 1 of them, or in none. By this, the joint bootstrap draws
    give the p-value, from draws of units without any gain; and for the interval, the covariance between units that are
    measured on the same pairs, which is added to the variance between units (Cameron, Gelbach and Miller 2011).

    Args:
        first, second: float64 [splits, units], the gain from removing each unit, on the two halves; at least 1 split.
        gains: float64 [units], the same on all pairs.
        draws: float64 [draws, units], the same on each joint bootstrap draw of the pairs.

    Returns:
        None where no unit has a gain above 0 on any half, or there is only one unit.
    """
    # Imported here: reports of studies need the record, and scipy.stats takes half a second to import.
    from scipy.stats import t

    both = ((first > 0) & (second > 0)).mean(axis=0)
    one = ((first > 0).mean(axis=0) + (second > 0).mean(axis=0)) / 2
    if not one.any() or len(one) < 2:
        return None
    share = float(both.sum() / one.sum())
    errors, noise = joint_errors(draws)
    sizes = np.divide(gains, errors, out=np.where(gains > 0, np.inf, -np.inf), where=errors > 0)
    without_gain = _excess(noise[:, errors > 0], 0.5).sum(axis=1)
    p = (1 + int((without_gain >= (both - one / 2).sum()).sum())) / (1 + len(draws))
    moved = _excess(sizes + noise, share)
    between_units = len(one) * float(np.var(both - share * one, ddof=1))
    shared = float(moved.sum(axis=1).var() - moved.var(axis=0).sum())
    reach = float(t.ppf(0.975, len(one) - 1) * np.sqrt(between_units + max(0.0, shared)) / one.sum())
    return Replication(share, max(0.0, share - reach), min(1.0, share + reach), p)


def _excess(sizes: Floats, share: float) -> Floats:
    """How far gains replicate beyond ``share`` of those on one half, for units with gains of these sizes d/s."""
    from scipy.stats import norm

    on_one = norm.cdf(sizes)
    return np.asarray(np.maximum(0.0, 2 * on_one - 1) - share * on_one, np.float64)
