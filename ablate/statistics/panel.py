"""A panel: what is needed of a task's items to judge cells, without any text."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Panel:
    """The n items of one task, in the task's order.

    gold: float64 [n], the gold scores.
    kept: bool [n], False for items that calibration or choice has seen.
    cluster: int64 [n], the same number for items with the same key (a pair and its reverse, or a text with other
        punctuation or case), also across tasks.
    stratum: int32 [n], which subset of the task an item belongs to.
    sentences: int64 [n, most], the texts that each item compares, as numbers that are the same in every task; an item
        with fewer repeats its first. None in a panel from a store of an older ablate.
    """

    task: str
    gold: NDArray[np.float64]
    kept: NDArray[np.bool_]
    cluster: NDArray[np.int64]
    stratum: NDArray[np.int32]
    sentences: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.gold)

    @property
    def key(self) -> str:
        """sha256 of the content."""
        digest = hashlib.sha256(json.dumps([self.task, len(self)]).encode())
        for array in self.arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @property
    def arrays(self) -> list[NDArray[Any]]:
        """Its content in the order of the fields, without what it lacks."""
        sentences = [] if self.sentences is None else [self.sentences]
        return [self.gold, self.kept, self.cluster, self.stratum, *sentences]

    def judged(self, overlap: str) -> Panel:
        """The items that decide: the kept ones if ``overlap`` is ``drop``, all if it is ``keep``."""
        return self if overlap == "keep" else self.only(self.kept)

    def only(self, items: NDArray[np.bool_]) -> Panel:
        """The panel of the items that ``items``, bool [n], marks."""
        return Panel(self.task, *(array[items] for array in self.arrays))
