"""From contributions to a mask: the lowest units are removed."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ablate.models.masked import Mask


def select(
    contributions: NDArray[np.float32],
    layers: NDArray[np.int64],
    count: int | Literal["negative"],
    *,
    scope: Literal["global", "layer"] = "global",
    min_keep: int = 0,
    kept: Mask | None = None,
    tie_seed: int = 0,
) -> Mask:
    """Removes the units of lowest contribution.

    Args:
        contributions: float32 [units], finite.
        layers: int64 [units], non-decreasing.
        count: how many units are removed in total, including those that are already removed; or ``negative``: remove
            exactly the units with a contribution below 0.
        scope: ``global`` ranks all units together; ``layer`` removes the same share of every layer, to within a unit.
        min_keep: how many units every layer keeps, its highest ones, even if fewer than ``count`` are then removed.
        kept: bool [units], False = already removed, which stays so.
        tie_seed: decides between equal contributions.

    Returns:
        [units], True = keep.
    """
    generator = np.random.default_rng(tie_seed)
    mask = np.ones(len(contributions), bool) if kept is None else kept.copy()
    bounds = np.searchsorted(layers, np.arange(layers[-1] + 2)) if len(layers) else np.zeros(1, int)
    removable = _removable(contributions, mask, bounds, min_keep, generator)
    if count == "negative":
        mask[removable & (contributions < 0)] = False
        return mask
    for start, stop, share in [(0, len(mask), count)] if scope == "global" else _by_layer(count, mask, bounds):
        part, among = mask[start:stop], removable[start:stop]
        gone = len(part) - int(np.count_nonzero(part))
        left = int(np.count_nonzero(among))
        _set(part, among, contributions[start:stop], min(max(share - gone, 0), left), generator)
    return mask


def _set(mask: Mask, among: Mask, values: NDArray[np.float32], count: int, generator: np.random.Generator) -> None:
    """Sets exactly ``count`` of the units ``among`` whose values are lowest to False in ``mask``; all are [units]."""
    if count == 0:
        return
    if among.all():  # without numbers of units, which take eight bytes each, and there may be 100 million
        mask[_lowest(values, count, generator)] = False
    else:
        mask[np.flatnonzero(among)[_lowest(values[among], count, generator)]] = False


def _removable(
    contributions: NDArray[np.float32],
    mask: Mask,
    bounds: NDArray[np.int64],
    min_keep: int,
    generator: np.random.Generator,
) -> Mask:
    """The units that are left, without the ``min_keep`` highest of each layer."""
    removable = mask.copy()
    for start, stop in pairwise(bounds) if min_keep else ():
        among = mask[start:stop]
        left = int(np.count_nonzero(among))
        _set(removable[start:stop], among, -contributions[start:stop], min(min_keep, left), generator)
    return removable


def _lowest(values: NDArray[np.float32], count: int, generator: np.random.Generator) -> Mask:
    """Exactly ``count`` lowest values, at least one: bool [values]. A seeded draw decides between those equal to the
    last."""
    # A partition instead of a sort, since there may be millions of weights.
    threshold = np.partition(values, count - 1)[count - 1]
    lowest: Mask = values < threshold
    ties = np.flatnonzero(values == threshold)
    lowest[generator.permutation(ties)[: count - int(np.count_nonzero(lowest))]] = True
    return lowest


def _by_layer(count: int, mask: Mask, bounds: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """For each layer its first unit, the unit after its last, and how many of its units are removed in total."""
    layers = list(pairwise(bounds.tolist()))
    shares = _shares(count, np.diff(bounds), [int((~mask[start:stop]).sum()) for start, stop in layers])
    return [(start, stop, share) for (start, stop), share in zip(layers, shares, strict=True)]


def _shares(count: int, sizes: NDArray[np.int64], gone: list[int]) -> list[int]:
    """``count`` divided among layers in proportion to their sizes, exactly.

    A layer that has already lost more than its share loses no more, and the others share the rest.
    """
    shares, among = list(gone), list(range(len(sizes)))
    while among:
        rest = count - sum(shares[i] for i in range(len(sizes)) if i not in among)
        split = dict(zip(among, _split(rest, [int(sizes[i]) for i in among]), strict=True))
        within = [i for i in among if split[i] >= gone[i]]
        if within == among:
            return [split.get(i, share) for i, share in enumerate(shares)]
        among = within
    return shares


def _split(count: int, sizes: list[int]) -> list[int]:
    """``count`` divided in proportion to ``sizes``, by largest remainder."""
    # In whole numbers, so that no rounding of floats can change a share.
    total = sum(sizes)
    if not total:
        return sizes
    exact = [count * size for size in sizes]
    shares = [e // total for e in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (-(exact[i] % total), i))
    for i in by_remainder[: count - sum(shares)]:
        shares[i] += 1
    return shares
