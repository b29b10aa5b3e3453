"""The largest sparsity that is still harmless, by a fixed-sequence test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Levels:
    """The level of each of several fixed sequences, so that all statements together err in at most ``level``.

    mean, task: of a sequence of tests on the mean over the tasks, and of one on a single task. Half of the level goes
    to the means, half to the tasks, each divided equally (Bonferroni).
    """

    mean: float
    task: float

    @classmethod
    def of(cls, level: float, curves: int, tasks: int) -> Levels:
        """The levels for so many curves, each with a sequence on the mean and one on each task.

        On a single task, the mean is that task: the whole level goes to it.
        """
        share = level / max(curves, 1)
        return cls(share, share) if tasks < 2 else cls(share / 2, share / 2 / tasks)


def largest_harmless(sparsities: Sequence[float], ps: Sequence[float | None], level: float = 0.05) -> float | None:
    """The last sparsity before the first one that is not shown to be harmless; None if that is the first of all.

    Hypotheses need no correction if they are tested in an order that is fixed in advance, up to the first one that is
    not rejected: the family-wise error stays at ``level`` (Maurer, Hothorn and Lehmacher 1995; Westfall and Krishen
    2001).

    Args:
        sparsities: in [0, 1), increasing.
        ps: for each sparsity the uncorrected p of H0 "worse than dense by the margin or more"; None without a result,
            which ends the sequence.

    Raises:
        ValueError: the sparsities do not increase.
    """
    if any(a >= b for a, b in pairwise(sparsities)):
        raise ValueError("the sparsities of a fixed sequence must increase")
    last = None
    for sparsity, p in zip(sparsities, ps, strict=True):
        if p is None or p > level:
            break
        last = sparsity
    return last
