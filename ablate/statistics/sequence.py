"""The largest sparsity that is still harmless, by a fixed-sequence test."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


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
