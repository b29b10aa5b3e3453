"""The statistic of a plug-in's task. Its errors name the plug-in, and affect no other task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.errors import AblateError, PluginError, Undefined, one_line
from ablate.interrupts import from_a_signal
from ablate.plugins import Registry
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.metric import Statistic
from ablate.tasks.base import Task


class TaskFault(PluginError):
    """A task's statistic fails. ``task``: its name."""

    def __init__(self, text: str, task: str) -> None:
        super().__init__(text)
        self.task = task


def statistic_of(task: Task, registry: Registry, name: str | None = None) -> Statistic:
    """A task's statistic. That of a plug-in raises its errors as :class:`TaskFault`, on whichever draw they occur.

    Args:
        name: of the task in the fault, where it is measured at a dimension.

    Raises:
        TaskFault: the plug-in fails to give one.
    """
    blame = registry.blame(task)
    if not blame:
        # An error of a built-in task is a bug, and is raised as it is.
        return task.statistic()
    named = _Named(name or task.name, blame)
    with named:
        return _Guarded(task.statistic(), named)


@dataclass(frozen=True)
class _Named:
    """A context in which a plug-in's exceptions become a :class:`TaskFault`."""

    task: str
    blame: str

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or from_a_signal(error):
            return
        if not isinstance(error, AblateError | Undefined):
            raise TaskFault(f"its statistic fails: {one_line(error)}{self.blame}", self.task) from error


@dataclass(frozen=True)
class _Guarded(Statistic):
    statistic: Statistic
    named: _Named

    def value(self, values: Values, gold: Floats) -> float:
        with self.named:
            return self.statistic.value(values, gold)

    def resampler(self, gold: Floats, counts: Floats) -> Callable[[Values], Floats]:
        with self.named:
            inner = self.statistic.resampler(gold, counts)

        def resampled(values: Values) -> Floats:
            with self.named:
                return inner(values)

        return resampled

    def exchanged(self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]) -> Floats:
        with self.named:
            return self.statistic.exchanged(a, b, gold, swaps)

    def exchanged_by_item(
        self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]
    ) -> tuple[Floats, Floats | None]:
        with self.named:
            return self.statistic.exchanged_by_item(a, b, gold, swaps)
