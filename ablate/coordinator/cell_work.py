"""Cells on their way from the coordinator to an executor and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from ablate.coordinator.rows import short
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
    """The cells that are prepared but not settled yet.

    A cell with an evaluation is settled when its outcome arrives, in whatever order outcomes do. A cell without one is
    not given to the executor. It is settled as soon as no result that it awaits is being computed.

    settle: makes a cell's outcome from its evaluation.
    """

    executor: Executor
    settle: Callable[[CellWork, Evaluated], None]
    _given: dict[str, CellWork] = field(default_factory=dict)  # the key of a cell -> its work, which is being evaluated
    _awaiting: list[CellWork] = field(default_factory=list)

    def add(self, work: CellWork) -> None:
        """Adds a prepared cell."""
        if work.evaluation is None:
            self._awaiting.append(work)
            self._settle_complete()
        else:
            self._given[work.key] = work

    def take(self, evaluated: Evaluated) -> None:
        """Takes the outcome of an evaluation.

        Raises:
            PluginError: no such evaluation is under way, or the outcome is not on its tasks.
        """
        if not isinstance(evaluated, Evaluated):
            raise self.broken(f"returns a {type(evaluated).__name__} in place of an outcome")
        work = self._given.pop(evaluated.cell, None)
        if work is None or work.evaluation is None:
            raise self.broken(f"returns an outcome of '{short(evaluated.cell)}', which is not under way")
        asked = sorted(wanted.name for wanted in work.evaluation.tasks)
        answered = sorted([*evaluated.results, *evaluated.failures])
        if answered != asked:
            raise self.broken(f"returns an outcome on {', '.join(answered) or 'no task'} for {', '.join(asked)}")
        self.settle(work, evaluated)
        self._settle_complete()

    def check_empty(self) -> None:
        """Checks that every evaluation has an outcome.

        Raises:
            PluginError: an evaluation has no outcome.
        """
        if self._given:
            raise self.broken("returns fewer outcomes than it takes evaluations")

    def keys_under_way(self) -> Set[str]:
        """The keys of the results that are being computed."""
        under_way = ((work, work.evaluation) for work in self._given.values() if work.evaluation is not None)
        return {work.keys[wanted.name] for work, evaluation in under_way for wanted in evaluation.tasks}

    def _settle_complete(self) -> None:
        under_way = self.keys_under_way()
        waiting, self._awaiting = self._awaiting, []
        for work in waiting:
            if under_way.isdisjoint(work.keys[name] for name in work.awaited):
                self.settle(work, Evaluated(work.key, {}, {}, 0.0))
            else:
                self._awaiting.append(work)

    def broken(self, what: str) -> PluginError:
        """The error of an executor that breaks its contract."""
        return PluginError(f"executor '{self.executor.name}' {what}{registry().blame(self.executor)}")
