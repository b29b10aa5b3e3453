"""The looks of a race: which items of the tasks are new at each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ablate.data.texts import Texts
from ablate.models.model import Model
from ablate.statistics.race import allotted
from ablate.tasks.loaded import Loaded
from ablate.tasks.parts import part_of


def looks_of(tasks: Sequence[Loaded], seed: int) -> dict[str, NDArray[np.int64]]:
    """Of each task, the number of the look at which each of its items is new."""
    shares = zip(*allotted([len(task.data) for task in tasks]), strict=True)
    return {task.name: part_of(task.data, of_task, seed) for task, of_task in zip(tasks, shares, strict=True)}


def parts_of(tasks: Sequence[Loaded], look: Mapping[str, NDArray[np.int64]], first: int, last: int) -> list[Loaded]:
    """The items that are new at these looks, of each task that has any. ``look``: see :func:`looks_of`."""
    marks = {task.name: (look[task.name] >= first) & (look[task.name] <= last) for task in tasks}
    return [task.only(marks[task.name]) for task in tasks if marks[task.name].any()]


def sentences(tasks: Iterable[Loaded], model: Model) -> int:
    """How many distinct sentences the tasks have together; one in two roles is two to a model with prompts for them."""
    return len(Texts.of((task.data for task in tasks), bool(model.readers)))
