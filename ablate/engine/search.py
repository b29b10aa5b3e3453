"""Swaps at the border of a mask: a removed unit comes back and a kept one goes, as long as that is better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.granularities.base import Granularity
from ablate.granularities.units import Units, name_of
from ablate.models.masked import Mask
from ablate.recipe.search import Swap


@dataclass(frozen=True)
class Ranked:
    """The units of one granularity that a step has chosen from.

    contributions: float32 [units], by which they were ranked; of a removed unit, when it was removed.
    layers: int64 [units], each unit's layer.
    among: bool [units], those that were left before the step.
    """

    granularity: Granularity
    contributions: NDArray[np.float32]
    layers: NDArray[np.int64]
    among: Mask


@dataclass(frozen=True)
class Exchange:
    """A removed unit that comes ``back`` in place of a kept one that goes ``out``."""

    granularity: Granularity
    back: int
    out: int

    def made_in(self, units: Units) -> Units:
        """The masks after the exchange."""
        mask = units.masks[name_of(self.granularity)].copy()
        mask[self.back], mask[self.out] = True, False
        return units.with_mask(self.granularity, mask)


def climb(
    start: Units,
    ranked: Sequence[Ranked],
    search: Swap,
    by_layer: bool,
    best_of: Callable[[Units, Sequence[Exchange]], Exchange | None],
) -> tuple[Units, int]:
    """Makes the best exchange at the border of the mask in force, again and again, until none is better.

    Args:
        start: the scorer's masks.
        by_layer: whether units are ranked in each layer, and so are exchanged within one.
        best_of: masks in force and the exchanges at their border -> the best exchange, the first of equal ones; None if
            none is better than the masks in force.

    Returns:
        The masks at the end, and how many exchanges were made.
    """
    units = start
    for made in range(search.most):
        exchanges = [one for of in ranked for one in at_border(of, units, search.border, by_layer)]
        best = best_of(units, exchanges) if exchanges else None
        if best is None:
            return units, made
        units = best.made_in(units)
    return units, search.most


def at_border(ranked: Ranked, units: Units, border: int, by_layer: bool) -> Iterator[Exchange]:
    """The exchanges at the border of a mask, by the numbers of the units.

    The removed units with the highest contributions come back, and the kept ones with the lowest go out; of equal
    contributions the lower numbers count first. No layer is left with fewer than ``min_keep`` units.
    """
    mask, layers = units.masks[name_of(ranked.granularity)], ranked.layers
    kept, removed = ranked.among & mask, ranked.among & ~mask
    in_layer = np.bincount(layers[kept], minlength=int(layers.max(initial=0)) + 1)
    everywhere = np.ones(len(mask), bool)
    for here in [layers == layer for layer in np.unique(layers)] if by_layer else [everywhere]:
        outs = _lowest(ranked.contributions, np.flatnonzero(kept & here), border)
        for back in _lowest(-ranked.contributions, np.flatnonzero(removed & here), border):
            for out in outs:
                same = layers[back] == layers[out]
                if same or in_layer[layers[out]] > ranked.granularity.min_keep:
                    yield Exchange(ranked.granularity, int(back), int(out))


def _lowest(values: NDArray[np.float32], among: NDArray[np.intp], count: int) -> list[int]:
    """The numbers of the ``count`` lowest units, ascending; of equal values the lower numbers."""
    if len(among) <= count:
        return [int(unit) for unit in among]
    # A partition instead of a sort, since there may be millions of weights.
    threshold = np.partition(values[among], count - 1)[count - 1]
    below = among[values[among] < threshold]
    ties = among[values[among] == threshold][: count - len(below)]
    return sorted([*below.tolist(), *ties.tolist()])
