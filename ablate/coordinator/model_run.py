"""One model of a run, with what its cells need: calibration set, tasks, masks, evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import torch

from ablate.coordinator.mask_maker import MaskMaker
from ablate.coordinator.rows import Outcome
from ablate.data.calibration import Calibration
from ablate.engine.evaluate import Evaluator
from ablate.errors import FAILURES, PluginError, StoreError, one_line
from ablate.events import Event, Watch
from ablate.executors.base import Executor
from ablate.models.model import Model
from ablate.models.weights import weighted
from ablate.plan.plan import DENSE, Cell
from ablate.plugin import Plugin
from ablate.plugins import registry
from ablate.store.keys import result_key
from ablate.store.store import Result, Store
from ablate.tasks.loaded import Loaded
from ablate.timing import Timings

if TYPE_CHECKING:
    from ablate.coordinator.train import Trained, Trainings

_DENSE = {"hash": None, "units_removed": 0, "sparsity_achieved": 0.0, "params_removed": 0}


@dataclass(frozen=True)
class CellWork:
    """A cell on its way to an executor: what to keep, and the tasks whose results the store lacks.

    mask: its hash, None where nothing is removed. keys: of its results, by task. failure: why it cannot be evaluated
    at all. trained: the weights it has, None for those that the model came with.
    """

    cell: Cell
    key: str
    about: Mapping[str, object]
    mask: str | None
    keep: Mapping[str, torch.Tensor]
    found: Mapping[str, Result]
    missing: tuple[Loaded, ...]
    keys: Mapping[str, str] = field(default_factory=dict)
    failure: str | None = None
    trained: Trained | None = None


@dataclass
class ModelRun:
    """A loaded model under test."""

    model: Model
    calibration: Calibration
    store: Store
    executor: Executor
    timings: Timings
    watch: Watch
    masks: MaskMaker
    keep_going: bool = True
    materialize: bool = False
    trainings: Trainings | None = None
    evaluator: Evaluator = field(init=False)

    def __post_init__(self) -> None:
        self.evaluator = Evaluator(self.model, self.materialize)

    def outcomes(self, stage: str, cells: Sequence[Cell], tasks: Sequence[Loaded]) -> list[Outcome]:
        """Evaluates dense and ``cells`` on ``tasks``, whatever of it the store lacks; dense is the first outcome.

        Each cell is in the store before the next is begun. A cell that fails is an outcome with the reasons, unless
        ``keep_going`` is off: then what it raised goes up.
        """
        everything = (DENSE, *cells)
        self.masks.collect_for(scored_first(everything))
        # Only now: whoever watches takes the time from here for that of the cells.
        self.watch(Event("begin", stage, len(everything)))
        done = []
        for outcome in self.executor.map(self._evaluate, self._works(everything, tasks)):
            done.append(outcome)
            self.watch(Event("cell", str(outcome.cell), cached=outcome.cached))
        return done

    def stored(self, cell: Cell, tasks: Sequence[Loaded]) -> bool:
        """Whether the store has everything of this cell."""
        trained = self._trainings.stored(cell) if cell.training else None
        about = self.masks.store.mask_about(self.masks.key(cell)) if cell != DENSE else {"hash": None}
        if about is None or (cell.training and trained is None):
            return False
        model = trained.model if trained else self.model
        keys = {result_key(model, about["hash"] or None, task) for task in tasks}
        return len(self.store.get_results(keys, values=False)) == len(keys)

    def _works(self, cells: Iterable[Cell], tasks: Sequence[Loaded]) -> Iterator[CellWork]:
        for cell in cells:
            key = self.masks.key(cell)
            try:
                yield self._prepare(cell, key, tasks)
            except StoreError:
                raise
            except FAILURES as error:  # a plug-in's scorer may raise anything; that must cost no other cell
                yield CellWork(cell, key, {}, None, {}, {}, tuple(tasks), failure=self.reason(error, *_used(cell)))

    @property
    def _trainings(self) -> Trainings:
        assert self.trainings is not None
        return self.trainings

    def _prepare(self, cell: Cell, key: str, tasks: Sequence[Loaded]) -> CellWork:
        trained = self._trainings.of(cell) if cell.training else None
        model = trained.model if trained else self.model
        about = self.store.mask_about(key) if cell != DENSE else _DENSE
        units = None
        if about is None:
            stored = self.masks.make(cell)
            units, about = stored.units, {**stored.about, "hash": stored.hash}
        mask = cast(str | None, about["hash"]) or None
        keys = {task.name: result_key(model, mask, task) for task in tasks}
        found_by_key = self.store.get_results(keys.values())
        found = {name: found_by_key[k] for name, k in keys.items() if k in found_by_key}
        missing = tuple(task for task in tasks if task.name not in found)
        keep: Mapping[str, torch.Tensor] = {}
        if missing and mask is not None:
            keep = (units if units is not None else self.masks.make(cell).units).keep(self.model)
        return CellWork(cell, key, about, mask, keep, found, missing, keys, trained=trained)

    def _evaluate(self, work: CellWork) -> Outcome:
        results: dict[str, Result] = {}
        failures: dict[str, str] = {}
        with self.timings.measure("encode"):
            for task, measured in self._measure(work):
                if isinstance(measured, Result):
                    results[task.name] = measured
                else:
                    failures[task.name] = measured
        if results:
            with self.timings.measure("store"):
                self.store.put_results({work.keys[name]: result for name, result in results.items()})
        return Outcome(
            work.cell,
            work.key,
            work.about,
            {**work.found, **results},
            failures,
            cached=not work.missing,
            keys=work.keys,
        )

    def _measure(self, work: CellWork) -> Iterator[tuple[Loaded, Result | str]]:
        """Each missing task's result, or why there is none."""
        if work.failure is not None:
            yield from ((task, work.failure) for task in work.missing)
            return
        yield from ((task, self.reason(PluginError(task.fault))) for task in work.missing if task.fault is not None)
        readable = [task for task in work.missing if task.fault is None]
        if not readable:
            return
        try:
            with weighted(self.model, work.trained.weights() if work.trained else None):
                embedded = self.evaluator.embed(work.keep, readable)
        except FAILURES as error:
            # Memory that runs out is nobody's fault; else it is what a granularity keeps.
            used = [] if isinstance(error, MemoryError) else work.cell.granularities
            reason = self.reason(error, *used)
            yield from ((task, reason) for task in readable)
            return
        for task in readable:
            try:
                yield task, embedded.measure(task)
            except FAILURES as error:  # a plug-in's task may raise anything; that must cost no other task
                yield task, self.reason(error, task.task)

    def reason(self, error: BaseException, *used: Plugin) -> str:
        """What a row says of ``error``; with ``keep_going`` off it goes up instead.

        Args:
            used: those that it may come from; the distributions of those that are not ablate's own are named.
        """
        blame = registry().blame(*used)
        if isinstance(error, PluginError):
            text = " ".join(str(error).split()) + blame
            if not self.keep_going:
                raise PluginError(text) from error
            return text
        if not self.keep_going:
            if blame:
                error.add_note(blame.strip())
            raise error
        return one_line(error) + blame


def _used(cell: Cell) -> list[Plugin]:
    return [plugin for step in cell.steps for plugin in (step.scorer, *step.granularities)]


def scored_first(cells: Iterable[Cell]) -> list[Cell]:
    """Of those, without their training, whose masks are made of the model as it came."""
    return [cell.untrained for cell in cells if cell.training is None or cell.training.way == "prune-then-train"]
