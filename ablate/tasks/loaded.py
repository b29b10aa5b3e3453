"""A task with its items."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ablate.data.items import ItemSet, Key
from ablate.data.names import name_at
from ablate.statistics.panel import Panel
from ablate.tasks.base import Task


@dataclass(frozen=True)
class Loaded:
    """A task and its items.

    kept: bool [n], False for items that calibration or choice has seen.
    fault: why the items could not be read (there are none then); usually None.
    part: bool [items of the whole set], which of them these are; None if these are all.
    dim: the task measures the first so many components of the embeddings; None for all.
    near: how many items are near to those that calibration or choice has seen, but not equal; None if not looked for.
    """

    task: Task
    data: ItemSet
    kept: NDArray[np.bool_]
    fault: str | None = None
    part: NDArray[np.bool_] | None = None
    dim: int | None = None
    near: int | None = None

    @property
    def name(self) -> str:
        """The task's name; at a dimension, with it."""
        return name_at(self.task.name, self.dim)

    def at(self, dim: int | None) -> Loaded:
        """The same task and items at another dimension."""
        return replace(self, dim=dim)

    def only(self, items: NDArray[np.bool_]) -> Loaded:
        """The task with only the items that ``items``, bool [n], marks; of a task that has all its items."""
        assert self.part is None
        return replace(self, data=self.data.only(items), kept=self.kept[items], part=items)


def at_dims(tasks: Sequence[Loaded], dims: Sequence[int]) -> list[Loaded]:
    """The tasks as they are, then all of them at each dimension."""
    return [task.at(dim) for dim in (None, *dims) for task in tasks]


def panel_of(loaded: Loaded) -> Panel:
    """The panel of a task."""
    data = loaded.data
    names = {name: i for i, name in enumerate(dict.fromkeys(data.subsets))}
    return Panel(
        loaded.name,
        np.asarray(data.gold, np.float64),
        np.asarray(loaded.kept, np.bool_),
        np.array([_number(key) for key in data.keys], np.int64),
        np.array([names[subset] for subset in data.subsets], np.int32),
        _sentences(data),
    )


def _sentences(data: ItemSet) -> NDArray[np.int64]:
    """The texts that each item compares, as :class:`~ablate.statistics.panel.Panel` has them."""
    texts = [list(of_item) for of_item in data.linked]
    number = {text: _number((text,)) for of_item in texts for text in of_item}
    most = max(map(len, texts), default=1)
    rows = [[number[text] for text in of_item] for of_item in texts]
    return np.array([row + row[:1] * (most - len(row)) for row in rows], np.int64).reshape(len(rows), most)


def _number(key: Key) -> int:
    """The number of a key or a text: the same in every task and every run."""
    return int.from_bytes(hashlib.sha256(json.dumps(key).encode()).digest()[:8], "big", signed=True)
