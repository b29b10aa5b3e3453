"""Whether units that hurt on one half of the pairs hurt on the other half: a check that assumes no distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ablate.statistics.arrays import Floats


@dataclass(frozen=True)
class Replication:
    """How often a gain above 0 replicates.

    replicated: the share of units with a gain above 0 on one half that also have one on the other half, in [0, 1].
    base: the share of all units with a gain above 0 on a half, in [0, 1]: what ``replicated`` would be if the halves
        were independent.
    low, high: 95 % bootstrap interval over units of ``replicated - base``.
    """

    replicated: float
    base: float
    low: float
    high: float


def replication(first: Floats, second: Floats, rng: np.random.Generator, draws: int = 2000) -> Replication | None:
    """Pools many splits of the pairs into halves, each half as the first once and as the second once.

    Args:
        first, second: float64 [splits, units], the gain from removing each unit, on the two halves.

    Returns:
        None where no unit has a gain above 0 on any half.
    """
    gains_first, gains_second = first > 0, second > 0
    # For each unit, on how many of all halves it gains, and on how many of them it gains on the other half too.
    both = 2.0 * (gains_first & gains_second).sum(0)
    either = gains_first.sum(0) + gains_second.sum(0) + 0.0
    if not either.any():
        return None
    units, halves = first.shape[1], 2.0 * len(first)
    counts = rng.multinomial(units, np.full(units, 1 / units), draws)
    # Row 0 is the units themselves. A draw that has only units that never gain has no replication rate.
    counts = np.concatenate([np.ones((1, units), np.int64), counts])
    positive = counts @ either
    counts, positive = counts[positive > 0], positive[positive > 0]
    replicated, base = counts @ both / positive, positive / (halves * units)
    low, high = np.quantile((replicated - base)[1:], [0.025, 0.975])
    return Replication(float(replicated[0]), float(base[0]), float(low), float(high))
