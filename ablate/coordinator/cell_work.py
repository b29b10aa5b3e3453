"""Cells on their way from the coordinator to an executor and back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from ablate.errors import PluginError
from ablate.executors.base import Evaluated, Evaluation, Executor, Failure
from ablate.plan.plan import Cell
from ablate.plugins import registry
from ablate.tasks.result import Result


@dataclass(frozen=True)
class CellWork:
    """A cell that is prepared, with what is left to evaluate.

    key: the cell's. about: what the store knows of its mask. keys: of its results, by task.
    stored: the results that the store has, by task. failures: why tasks cannot be evaluated, by task.
    awaited: tasks whose results come with an earlier cell of the same mask, which is under way.
    evaluation: of all other tasks; None where there is none.
    """

    cell: Cell
    key: str
    about: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, Result] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    awaited: tuple[str, ...] = ()
    evaluation: Evaluation | None = None


@dataclass
class CellQueue:
    """The cells that are prepared and not settled yet, in order.

    The executor never sees a cell without evaluation. Such a cell is settled as soon as those before it are.

    settle: makes a cell's outcome of what was evaluated of it.
    """

    executor: Executor
    settle: Callable[[CellWork, Evaluated], None]
    _waiting: deque[CellWork] = field(default_factory=deque)

    def add(self, work: CellWork) -> None:
        """Takes a cell that is prepared."""
        self._waiting.append(work)
        self._settle_complete()

    def take(self, evaluated: Evaluated) -> None:
        """Takes the outcome of the first evaluation that has none yet.

        Raises:
            PluginError: it is the outcome of another evaluation, whose results would be stored as this one's.
        """
        if not self._waiting or self._waiting[0].key != evaluated.cell:
            raise self._broken("gives outcomes in another order than it takes evaluations")
        self.settle(self._waiting.popleft(), evaluated)
        self._settle_complete()

    def check_empty(self) -> None:
        """
        Raises:
            PluginError: an evaluation has no outcome.
        """
        if self._waiting:
            raise self._broken("gives fewer outcomes than it takes evaluations")

    def keys_under_way(self) -> Set[str]:
        """The keys of the results that are being computed."""
        under_way = ((work, work.evaluation) for work in self._waiting if work.evaluation is not None)
        return {work.keys[wanted.task.name] for work, evaluation in under_way for wanted in evaluation.tasks}

    def _settle_complete(self) -> None:
        while self._waiting and self._waiting[0].evaluation is None:
            work = self._waiting.popleft()
            self.settle(work, Evaluated(work.key, {}, {}, 0.0))

    def _broken(self, what: str) -> PluginError:
        return PluginError(f"executor '{self.executor.name}' {what}{registry().blame(self.executor)}")
