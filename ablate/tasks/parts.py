"""Divides the items of a task into the nested parts on which racing looks at cells."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ablate.data.items import ItemSet, Key


def part_of(data: ItemSet, shares: Sequence[float], seed: int) -> NDArray[np.int64]:
    """int64 [n]: the number of the look at which each item is new, from 0; the last is ``len(shares)``.

    Items with the same key come at the same look. Each subset of the set gives the same share of its keys to each look,
    within one key. The order depends on the keys and the seed alone, so every cell and every run has the same.

    Args:
        shares: of the items that have been seen after each look but the last, ascending.
    """
    strata: dict[str, list[Key]] = {}
    subset_of: dict[Key, str] = {}
    for key, subset in zip(data.keys, data.subsets, strict=True):
        if key not in subset_of:
            subset_of[key] = subset
            strata.setdefault(subset, []).append(key)
    look: dict[Key, int] = {}
    for subset, keys in strata.items():
        ordered = sorted(keys, key=lambda key: _uniform(seed, *key))
        # A random start, so that subsets of a few keys give their share too, on average (systematic sampling).
        start = _uniform(seed, "subset", subset)
        for rank, key in enumerate(ordered):
            look[key] = int(np.searchsorted(shares, (rank + start) / len(ordered), side="right"))
    return np.array([look[key] for key in data.keys], np.int64)


def _uniform(seed: int, *texts: str) -> float:
    """A number in [0, 1), always the same for the same texts and seed."""
    digest = hashlib.sha256(json.dumps([seed, *texts]).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
