"""Do the units that hurt on one half of the pairs hurt on the other? A check that assumes no distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ablate.statistics.arrays import Floats


@dataclass(frozen=True)
class Replication:
    """replicated: of the units with a gain above 0 on one half, the share with one on the other half.

    base: the share of all units with a gain above 0 on a half, which is what ``replicated`` would be if the halves had
        nothing to do with each other.
    low, high: 95 % bootstrap interval over units of ``replicated - base``.
    """

    replicated: float
    base: float
    low: float
    high: float


def replication(first: Floats, second: Floats, rng: np.random.Generator, draws: int = 2000) -> Replication | None:
    """Pools many splits of the pairs into halves, in both directions.

    Args:
        first, second: [splits, units], the gain from removing each unit on either half.

    Returns:
        None where no unit has a gain above 0 on any half.
    """
    one, other = first > 0, second > 0
    both = 2.0 * (one & other).sum(0)
    either = one.sum(0) + other.sum(0) + 0.0
    if not either.any():
        return None
    units, halves = first.shape[1], 2.0 * len(first)
    counts = rng.multinomial(units, np.full(units, 1 / units), draws)
    counts = np.concatenate([np.ones((1, units), np.int64), counts])
    positive = counts @ either
    counts, positive = counts[positive > 0], positive[positive > 0]
    replicated, base = counts @ both / positive, positive / (halves * units)
    low, high = np.quantile((replicated - base)[1:], [0.025, 0.975])
    return Replication(float(replicated[0]), float(base[0]), float(low), float(high))
