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
    """A prepared cell, with what is left to evaluate.

    key: the cell's key. about: what the store knows about its mask. keys: the keys of its results, by task.
    stored: the results that the store already has, by task.
    failures: why tasks cannot be evaluated, by task.
    awaited: tasks whose results come from an earlier cell with the same mask, which is being evaluated.
    evaluation: the evaluation of all other tasks; None if there are none.
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
    """The cells that are prepared but not settled yet, in order.

    A cell without an evaluation is not given to the executor. It is settled as soon as the cells before it are.

    settle: makes a cell's outcome from its evaluation.
    """

    executor: Executor
    settle: Callable[[CellWork, Evaluated], None]
    _waiting: deque[CellWork] = field(default_factory=deque)

    def add(self, work: CellWork) -> None:
        """Adds a prepared cell."""
        self._waiting.append(work)
        self._settle_complete()

    def take(self, evaluated: Evaluated) -> None:
        """Takes the outcome of the first evaluation that has none yet.

        Raises:
            PluginError: it is the outcome of another evaluation.
        """
        if not isinstance(evaluated, Evaluated):
            raise self.broken(f"returns a {type(evaluated).__name__} in place of an outcome")
        # The results of another evaluation would be stored under this one's keys.
        if not self._waiting or self._waiting[0].key != evaluated.cell:
            raise self.broken("returns outcomes in another order than it takes evaluations")
        evaluation = self._waiting[0].evaluation
        asked = sorted(wanted.name for wanted in evaluation.tasks) if evaluation else []
        answered = sorted([*evaluated.results, *evaluated.failures])
        if answered != asked:
            raise self.broken(f"returns an outcome on {', '.join(answered) or 'no task'} for {', '.join(asked)}")
        self.settle(self._waiting.popleft(), evaluated)
        self._settle_complete()

    def check_empty(self) -> None:
        """Checks that every evaluation has an outcome.

        Raises:
            PluginError: an evaluation has no outcome.
        """
        if self._waiting:
            raise self.broken("returns fewer outcomes than it takes evaluations")

    def keys_under_way(self) -> Set[str]:
        """The keys of the results that are being computed."""
        under_way = ((work, work.evaluation) for work in self._waiting if work.evaluation is not None)
        return {work.keys[wanted.name] for work, evaluation in under_way for wanted in evaluation.tasks}

    def _settle_complete(self) -> None:
        while self._waiting and self._waiting[0].evaluation is None:
            work = self._waiting.popleft()
            self.settle(work, Evaluated(work.key, {}, {}, 0.0))

    def broken(self, what: str) -> PluginError:
        """The error of an executor that breaks its contract."""
        return PluginError(f"executor '{self.executor.name}' {what}{registry().blame(self.executor)}")
