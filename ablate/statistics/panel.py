"""A panel: all that is needed of a task's pairs to judge by, without a sentence."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Panel:
    """The n pairs of one task, in its order.

    gold: float64 [n].
    kept: bool [n], False for pairs that calibration or choice has seen.
    cluster: int64 [n], the same number for identical pairs (turned round, or written with other punctuation or case),
        in other tasks as well.
    stratum: int32 [n], which subset of the task a pair belongs to.
    """

    task: str
    gold: NDArray[np.float64]
    kept: NDArray[np.bool_]
    cluster: NDArray[np.int64]
    stratum: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.gold)

    @property
    def key(self) -> str:
        """sha256 of the content."""
        digest = hashlib.sha256(json.dumps([self.task, len(self)]).encode())
        for array in (self.gold, self.kept, self.cluster, self.stratum):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def judged(self, overlap: str) -> Panel:
        """The pairs that decide: the kept ones where ``overlap`` is ``drop``, all where it is ``keep``."""
        return self if overlap == "keep" else self.only(self.kept)

    def only(self, pairs: NDArray[np.bool_]) -> Panel:
        """Those pairs that ``pairs`` marks, bool [n]."""
        return Panel(self.task, self.gold[pairs], self.kept[pairs], self.cluster[pairs], self.stratum[pairs])
