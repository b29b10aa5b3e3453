"""Matched draws: random units, as many of each group as a mask removes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ablate.models.masked import Mask


@dataclass(frozen=True)
class Groups:
    """The units of each group.

    order: int [units], the units group by group, ascending within each. bounds: where each group begins in it, and its
    end.
    """

    order: NDArray[np.intp]
    bounds: NDArray[np.intp]

    @classmethod
    def of(cls, groups: NDArray[np.int64]) -> Groups:
        """groups: int64 [units], the group of each unit."""
        order = np.argsort(groups, kind="stable")
        starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
        return cls(order, np.append(starts, len(order)))

    def __iter__(self) -> Iterator[NDArray[np.intp]]:
        for start, stop in pairwise(self.bounds.tolist()):
            yield self.order[start:stop]


def matched(mask: Mask, groups: Groups, seed: int) -> Mask:
    """The control of a mask: it removes as many units of each group, chosen at random.

    Args:
        mask: bool [units], True = keep.
    """
    generator = np.random.default_rng(seed)
    drawn = mask.copy()
    for here in groups:
        drawn[here] = generator.permutation(mask[here])
    return drawn


def draw_among(removed: Mask, among: Mask, groups: Groups, layers: Groups, seed: int) -> Mask:
    """Draws at random as many units of each group as ``removed`` has.

    Where fewer may be drawn, others of the layer make up for them, as far as there are any.

    Args:
        removed: bool [units], True = counted.
        among: bool [units], True = may be drawn.

    Returns:
        bool [units], True = drawn.
    """
    generator = np.random.default_rng(seed)
    drawn = np.zeros(len(removed), bool)
    for here in groups:
        drawn[_some(here[among[here]], int(removed[here].sum()), generator)] = True
    for here in layers:
        lacking = int(removed[here].sum()) - int(drawn[here].sum())
        drawn[_some(here[among[here] & ~drawn[here]], lacking, generator)] = True
    return drawn


def redrawn(chosen: Mask, drawn: Mask) -> int:
    """How many of the units that a mask removes its draw keeps. Both: bool [units], True = keep."""
    return int((drawn & ~chosen).sum())


def _some(candidates: NDArray[np.intp], count: int, generator: np.random.Generator) -> NDArray[np.intp]:
    return generator.choice(candidates, min(count, len(candidates)), replace=False)
