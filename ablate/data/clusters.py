"""Single texts with classes, in sets each of which is clustered by itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ablate.data.items import ItemSet, Key, normalize


@dataclass(frozen=True)
class ClusteredSet(ItemSet):
    """``n`` single texts with the class of each as gold.

    number: int64 [n], the set in which each is clustered. The items of a set share one clustering, so that their values
    depend on each other: a set, and not a text, is a cluster of items that is resampled.
    """

    number: NDArray[np.int64]

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """One key for all items of a set, which no other data have."""
        return tuple(("set", f"{number} of {self.hash}") for number in self.number.tolist())

    @property
    def linked(self) -> tuple[tuple[str, ...], ...]:
        """The set of each item, and its text."""
        return tuple((key[1], *texts) for key, texts in zip(self.keys, super().linked, strict=True))

    @cached_property
    def hash(self) -> str:
        """sha256 of the texts, classes and sets."""
        content = [super().hash, self.number.tolist()]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def in_sets(texts: tuple[tuple[str, ...], ...], sets: int, seed: int) -> NDArray[np.int64]:
    """Divides texts into random sets of nearly the same size, int64 [n], from 0.

    Texts that differ only in case and punctuation are in one set. The order of the texts does not matter.
    """
    rows: dict[str, list[int]] = {}
    for row, (text,) in enumerate(texts):
        rows.setdefault(normalize(text), []).append(row)
    number, done = np.empty(len(texts), np.int64), 0
    for key in sorted(rows, key=lambda text: hashlib.sha256(f"{seed} {text}".encode()).digest()):
        number[rows[key]] = done * sets // len(texts)
        done += len(rows[key])
    return number
