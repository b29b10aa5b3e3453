"""Draws at random that depend on a seed and on nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def seeded_draw(pool: Iterable[Item], count: int, seed: int, what: str) -> list[Item]:
    """The first ``count`` of a pool in a random order, or all of them if it has fewer.

    Args:
        what: names the pool. Each has its own generator, so that asking for more of one kind does not change which of
            another are drawn.
    """
    # Sorted first, so that the draw does not depend on the order of the items in a split.
    shuffled = sorted(pool, key=str)
    random.Random(f"{what} {seed}").shuffle(shuffled)
    return shuffled[:count]
