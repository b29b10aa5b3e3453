"""Sentence pairs with a gold similarity: what every data source gives."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_NOT_WORD = re.compile(r"[\W_]+")


def normalize(text: str) -> str:
    """Text as compared for overlap: lower case, letters and digits only, so that tokenization does not count."""
    return _NOT_WORD.sub("", text.lower())


def pair_key(left: str, right: str) -> tuple[str, str]:
    """One key for a pair and its reverse, after :func:`normalize`."""
    a, b = sorted((normalize(left), normalize(right)))
    return a, b


@dataclass(frozen=True)
class PairSet:
    """One split of one data set: ``n`` sentence pairs.

    name: the data set's name, as tasks and recipes give it (``sts12``, ``stsb-dev``).
    split: ``train``, ``dev`` or ``test``.
    source: the label of the source that it came from, shown wherever a score is.
    left, right: the sentences of each pair, length n.
    gold: float64 [n], the human (or constructed) similarity, 0 (unrelated) to 5 (the same).
    subsets: the name of the part that each pair belongs to, length n.
    """

    name: str
    split: str
    source: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    gold: NDArray[np.float64]
    subsets: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.left)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The distinct sentences, in order of first appearance (left, then right, pair by pair)."""
        both = (s for pair in zip(self.left, self.right, strict=True) for s in pair)
        return tuple(dict.fromkeys(both))

    @cached_property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """The :func:`pair_key` of each pair."""
        return tuple(pair_key(a, b) for a, b in zip(self.left, self.right, strict=True))

    @cached_property
    def hash(self) -> str:
        """sha256 of the sentences, gold scores and subsets; not of the names, so that copies agree."""
        content = [self.left, self.right, [float(g) for g in self.gold], self.subsets]
        return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()


class Source(Protocol):
    """Where pair sets come from. Reads no network.

    name: ``senteval``, ``hub`` or ``embedded``.
    label: what tables print, e.g. ``embedded (synthetic)``.
    """

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Task groups on this source: ``sts`` (test sets), ``sts-dev`` and ``sts-train`` -> data set names."""
        ...

    def names(self) -> tuple[str, ...]:
        """The data sets that this source has."""
        ...

    def load(self, name: str) -> PairSet:
        """Reads a data set.

        Raises:
            DataError: this source lacks it, or a file is absent, truncated or malformed.
        """
        ...
