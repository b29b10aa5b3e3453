"""From contributions to a mask: the lowest units go."""

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
        count: how many units are to be gone in all, those that are gone already included; or ``negative``: exactly
            the units with a contribution below 0.
        scope: ``global`` ranks all units together; ``layer`` removes the same share of every layer, to within a unit.
        min_keep: units that every layer keeps, which are its highest, even if fewer than ``count`` go then.
        kept: bool [units], False = gone already; they stay gone.
        tie_seed: decides among equal contributions.

    Returns:
        [units], True = keep.
    """
    generator = np.random.default_rng(tie_seed)
    mask = np.ones(len(contributions), bool) if kept is None else kept.copy()
    bounds = np.searchsorted(layers, np.arange(layers[-1] + 2)) if len(layers) else np.zeros(1, int)
    free = _may_go(contributions, mask, bounds, min_keep, generator)
    if count == "negative":
        mask[free & (contributions < 0)] = False
        return mask
    for start, stop, share in [(0, len(mask), count)] if scope == "global" else _by_layer(count, mask, bounds):
        here = start + np.flatnonzero(free[start:stop])
        gone = stop - start - int(mask[start:stop].sum())
        wanted = min(max(share - gone, 0), len(here))
        mask[here[_lowest(contributions[here], wanted, generator)]] = False
    return mask


def _may_go(
    contributions: NDArray[np.float32],
    mask: Mask,
    bounds: NDArray[np.int64],
    min_keep: int,
    generator: np.random.Generator,
) -> Mask:
    """The units that are left, without the ``min_keep`` highest of each layer."""
    free = mask.copy()
    for start, stop in pairwise(bounds) if min_keep else ():
        here = start + np.flatnonzero(mask[start:stop])
        highest = _lowest(-contributions[here], min(min_keep, len(here)), generator)
        free[here[highest]] = False
    return free


def _lowest(values: NDArray[np.float32], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Indices of exactly ``count`` lowest values; a seeded draw decides among those equal to the last."""
    if count == 0:
        return np.zeros(0, np.int64)
    threshold = np.partition(values, count - 1)[count - 1]
    below = np.flatnonzero(values < threshold)
    ties = np.flatnonzero(values == threshold)
    drawn = generator.permutation(ties)[: count - len(below)]
    return np.concatenate([below, drawn])


def _by_layer(count: int, mask: Mask, bounds: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """The first unit of each layer, the one after its last, and how many of its units are to be gone."""
    layers = list(pairwise(bounds.tolist()))
    shares = _shares(count, np.diff(bounds), [int((~mask[start:stop]).sum()) for start, stop in layers])
    return [(start, stop, share) for (start, stop), share in zip(layers, shares, strict=True)]


def _shares(count: int, sizes: NDArray[np.int64], gone: list[int]) -> list[int]:
    """``count`` split over layers in proportion to their sizes, exactly.

    A layer that has lost more than its share already keeps what it has; the others share the rest.
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
    """``count`` split in proportion to ``sizes``, by largest remainder."""
    total = sum(sizes)
    if not total:
        return sizes
    exact = [count * size for size in sizes]
    shares = [e // total for e in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (-(exact[i] % total), i))
    for i in by_remainder[: count - sum(shares)]:
        shares[i] += 1
    return shares


def matched(mask: Mask, layers: NDArray[np.int64], seed: int) -> Mask:
    """The control of a mask that removes as many units of each layer, at random.

    Args:
        mask: bool [units], True = keep.
        layers: int64 [units], non-decreasing.
    """
    generator = np.random.default_rng(seed)
    drawn = mask.copy()
    for layer in np.unique(layers):
        here = slice(*np.searchsorted(layers, [layer, layer + 1]))
        drawn[here] = generator.permutation(mask[here])
    return drawn


def draw_among(removed: Mask, among: Mask, layers: NDArray[np.int64], seed: int) -> Mask:
    """At random as many units of each layer as ``removed`` has, or all that there are.

    Args:
        removed: bool [units], True = counts.
        among: bool [units], True = may be drawn.
        layers: int64 [units], non-decreasing.

    Returns:
        bool [units], True = drawn.
    """
    generator = np.random.default_rng(seed)
    drawn = np.zeros(len(removed), bool)
    for layer in range(int(layers[-1]) + 1):
        candidates = np.flatnonzero(among & (layers == layer))
        count = min(int(removed[layers == layer].sum()), len(candidates))
        drawn[generator.choice(candidates, count, replace=False)] = True
    return drawn
