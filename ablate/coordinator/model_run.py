"""Runs the cells of one model: prepares them, gives them to the executor, and settles their outcomes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from ablate.coordinator.cell_work import CellQueue, CellWork
from ablate.coordinator.look_ahead import AHEAD, Ahead, look_ahead
from ablate.coordinator.mask_maker import MaskMaker
from ablate.coordinator.on_workers import chunks_of, packed_masks
from ablate.coordinator.others import Others
from ablate.coordinator.rows import CellOutcome
from ablate.coordinator.settle import Settler, reason
from ablate.data.calibration import Calibration
from ablate.data.items import Source
from ablate.engine.evaluate import evaluate
from ablate.engine.evaluator import Evaluator
from ablate.engine.worker import THIS_PROCESS
from ablate.errors import AblateError, PluginError, StoreError, one_line
from ablate.events import Event, Watch
from ablate.executors.base import Evaluated, Evaluation, Executor, Failure, PackedMask, TaskToMeasure, ended
from ablate.interrupts import any_failure
from ablate.models.chunks import Chunks
from ablate.models.model import Model
from ablate.models.spec import ModelSpec, Precision
from ablate.plan.plan import DENSE, Cell
from ablate.plugin import Plugin
from ablate.plugins import registry
from ablate.store.keys import result_key
from ablate.store.store import Store
from ablate.surroundings import restored
from ablate.tasks.loaded import Loaded
from ablate.tasks.result import Result
from ablate.timing import Timings

if TYPE_CHECKING:
    from ablate.coordinator.train import Trained, Trainings

EXACT: Precision = "float32"
"""With which other precisions are compared."""

_DENSE = {"hash": None, "units_removed": 0, "sparsity_achieved": 0.0, "params_removed": 0}


@dataclass
class ModelRun:
    """A loaded model, and everything that its cells need.

    spec: the specification from which the model was loaded. Other processes use it to load the same model.
    source: the source from which tasks load their data.
    device: as the recipe says, for the processes that evaluate. precision: of the evaluation.
    dim: how many components embeddings have, where the recipe truncates them.
    unfit: screen task -> why it does not choose, known once cells are screened.
    """

    spec: ModelSpec
    model: Model
    calibration: Calibration
    source: Source
    store: Store
    executor: Executor
    timings: Timings
    watch: Watch
    masks: MaskMaker
    evaluator: Evaluator
    keep_going: bool = True
    device: str = "cpu"
    precision: Precision = "float32"
    trainings: Trainings | None = None
    dim: int | None = None
    unfit: Mapping[str, str] = field(default_factory=dict)

    @property
    def chunks(self) -> Chunks:
        """Where the work of scorers and studies is done."""
        return chunks_of(self.executor, self.spec, self.model, self.device)

    def outcomes(
        self, stage: str, cells: Sequence[Cell], tasks: Sequence[Loaded], *, part: str = ""
    ) -> list[CellOutcome]:
        """Evaluates dense and ``cells`` on ``tasks``, except for results already stored; dense is the first outcome.

        Results are stored as soon as the executor returns them. A cell that fails gives an outcome with the reasons,
        unless ``keep_going`` is off: then its error is raised.

        Args:
            stage: its name where progress is displayed. part: the part of the run that it is in, if it is not the
                whole of one.
        """
        with_dense = (DENSE, *cells)
        with restored():
            self.masks.collect_for(scored_first(with_dense))
        # Sent only after the passes: observers count the time from this event as the time of the cells.
        self.watch(Event("begin", stage, len(with_dense), part=part or stage))
        settler, outcomes = Settler(self.store, self.timings, self.keep_going), dict[Cell, CellOutcome]()

        def settle(work: CellWork, evaluated: Evaluated) -> None:
            outcome = outcomes[work.cell] = settler.settle(work, evaluated)
            self.watch(Event("cell", str(outcome.cell), cached=outcome.cached))

        others, left = Others(self.store, self.watch, self.executor.isolates), list(with_dense)
        with THIS_PROCESS.borrowing(self.spec, self.evaluator, tasks, self.source):
            while left:
                queue = CellQueue(self.executor, settle)
                self._execute(queue, self._evaluations(queue, left, tasks, others))
                left = others.wait()
        return [outcomes[cell] for cell in with_dense]

    def precision_effects(self, stage: str, tasks: Sequence[Loaded]) -> dict[str, float] | None:
        """The dense model's score in the precision of the evaluation less that in float32, on each task that has both.

        None if the precision is float32. Otherwise dense is evaluated in both, unless the store has the results.
        """
        if self.precision == "float32":
            return None
        (ours,), (exact,) = (
            replace(self, precision=precision).outcomes(f"{stage}, dense in {precision}", (), tasks, part=stage)
            for precision in (self.precision, EXACT)
        )
        both = ours.results.keys() & exact.results.keys()
        scores = {
            task.name: (ours.results[task.name].score, exact.results[task.name].score)
            for task in tasks
            if task.name in both
        }
        return {name: a - b for name, (a, b) in scores.items() if a is not None and b is not None}

    def stored(self, cells: Collection[Cell], tasks: Sequence[Loaded]) -> set[Cell]:
        """Those of the cells of which the store has all results."""
        return {cell for cell, results in self.found(cells, tasks).items() if len(results) == len(tasks)}

    def found(self, cells: Collection[Cell], tasks: Sequence[Loaded]) -> dict[Cell, dict[str, Result]]:
        """The results of each cell that the store has, by the name of the task, without their values."""
        masks = {cell: self.masks.key(cell) for cell in cells if cell != DENSE}
        abouts = self.store.masks_about(masks.values())
        hashes = {cell: abouts[key]["hash"] or None for cell, key in masks.items() if key in abouts}
        models = {cell: self._trained_model(cell) for cell in cells if cell == DENSE or cell in hashes}
        keys = {
            cell: {task.name: result_key(model, hashes.get(cell), task, self.precision) for task in tasks}
            for cell, model in models.items()
            if model is not None
        }
        every = (key for of_cell in keys.values() for key in of_cell.values())
        present = self.store.get_results(every, values=False)
        return {cell: {n: present[k] for n, k in of_cell.items() if k in present} for cell, of_cell in keys.items()}

    def _trained_model(self, cell: Cell) -> Model | None:
        """The model that a cell is evaluated with; None if it has yet to be trained."""
        if not cell.training:
            return self.model
        trained = self._trainings.stored(cell)
        return trained.model if trained else None

    @property
    def _trainings(self) -> Trainings:
        assert self.trainings is not None
        return self.trainings

    def _execute(self, queue: CellQueue, evaluations: Iterator[Evaluation]) -> None:
        raised: list[BaseException] = []
        with ended(self.executor.map(evaluate, _noting_errors(evaluations, raised))) as outcomes:
            for evaluated in self._blaming(outcomes, queue, raised):
                queue.take(evaluated)
            queue.check_empty()

    def _blaming(
        self, outcomes: Iterable[Evaluated], queue: CellQueue, raised: Sequence[BaseException]
    ) -> Iterator[Evaluated]:
        """The outcomes; an error of a third-party executor's own, such as a killed worker, names it in one line.

        Args:
            raised: errors of the evaluations themselves, which an executor passes on as they are.
        """
        received = iter(outcomes)
        while True:
            try:
                evaluated = next(received)
            except StopIteration:
                return
            except AblateError:
                raise
            except any_failure() as error:
                if not registry().blame(self.executor) or any(error is one for one in raised):
                    raise
                raise queue.broken(f"failed: {one_line(error)}") from error
            yield evaluated

    def _evaluations(
        self, queue: CellQueue, cells: Sequence[Cell], tasks: Sequence[Loaded], others: Others
    ) -> Iterator[Evaluation]:
        """Prepares each cell when its turn comes, and yields its evaluation if there is anything to evaluate."""
        for position, cell in enumerate(cells):
            if position % AHEAD == 0:
                # Of trained cells nothing, since their weights may have to be made.
                following = [one for one in cells[position : position + AHEAD] if one != DENSE and not one.training]
                keys = [self.masks.key(one) for one in following]
                ahead = look_ahead(self.store, keys, self.model, tasks, self.precision)
            key = self.masks.key(cell)
            try:
                # An executor with threads may just now be evaluating another mask on this model.
                with self.model.guard.hold(wait=True), restored():
                    work = self._claimed(cell, key, tasks, queue.keys_under_way(), ahead, others)
            except StoreError:
                raise
            except any_failure() as error:  # a plug-in's scorer may raise anything; that must cost no other cell
                failure = Failure(self.reason(error, *_used(cell)), "other")
                work = CellWork(cell, key, failures=dict.fromkeys((task.name for task in tasks), failure))
            if work is None:
                continue
            queue.add(work)
            if work.evaluation is not None:
                yield work.evaluation

    def _claimed(
        self, cell: Cell, key: str, tasks: Sequence[Loaded], under_way: Set[str], ahead: Ahead, others: Others
    ) -> CellWork | None:
        """The prepared cell; None if another run is evaluating it."""
        while True:
            work = others.claim(self._prepare(cell, key, tasks, under_way, ahead))
            if work is None or not others.stored_since(work):
                return work

    def _prepare(self, cell: Cell, key: str, tasks: Sequence[Loaded], under_way: Set[str], ahead: Ahead) -> CellWork:
        trained = self._trainings.of(cell) if cell.training else None
        model = trained.model if trained else self.model
        about = _DENSE if cell == DENSE else ahead.masks.get(key) or self.store.mask_about(key)
        units = None
        if about is None:
            made = self.masks.make(cell)
            units, about = made.units, {**made.about, "hash": made.hash}
        # The hash is empty if the mask removes nothing. The results are then those of the dense model.
        mask = cast(str | None, about["hash"]) or None
        keys = {task.name: result_key(model, mask, task, self.precision) for task in tasks}
        # Earlier cells with the same mask may have stored results since.
        by_key = ahead.results | self.store.get_results(k for k in keys.values() if k not in ahead.results)
        stored = {name: by_key[k] for name, k in keys.items() if k in by_key}
        missing = [task for task in tasks if task.name not in stored]
        failures = {task.name: _unreadable(task.fault) for task in missing if task.fault is not None}
        # Cells may have the same mask. The later one waits for the results of the earlier one, which it would find in
        # the store if cells were evaluated one by one. So all executors give the same rows.
        awaited = tuple(task.name for task in missing if keys[task.name] in under_way)
        to_do = [task for task in missing if task.name not in failures and task.name not in awaited]
        work = CellWork(cell, key, about, keys, stored, failures, awaited)
        if not to_do:
            return work
        # Only now, since a cell whose results are all stored does not need the bits of its mask.
        if mask is not None and units is None:
            present = self.masks.stored(cell)
            if present is None:
                # It was damaged. It is made anew, which for a trained cell is more than scoring, and its bits, which
                # the results are stored under, may be others than those that were damaged.
                return self._prepare(cell, key, tasks, under_way, Ahead({}, ahead.results))
            units = present.units
        packed = packed_masks(units) if mask is not None and units is not None else ()
        return replace(work, evaluation=self._evaluation(key, packed, to_do, trained))

    def _evaluation(
        self, key: str, mask: tuple[PackedMask, ...], tasks: Sequence[Loaded], trained: Trained | None
    ) -> Evaluation:
        return Evaluation(
            cell=key,
            model=self.spec,
            model_hash=self.model.hash,
            encoding=self.model.encoding,
            mask=mask,
            tasks=tuple(map(TaskToMeasure.of, tasks)),
            source=self.source,
            weights=trained.file if trained else None,
            device=self.device,
            precision=self.precision,
        )

    def reason(self, error: BaseException, *culprits: Plugin) -> str:
        """What a row says about an error; see :func:`ablate.coordinator.settle.reason`."""
        return reason(error, self.keep_going, *culprits)


def _unreadable(fault: str) -> Failure:
    return Failure(fault, "other", PluginError(fault))


def _used(cell: Cell) -> list[Plugin]:
    return [plugin for step in cell.steps for plugin in (step.scorer, *step.granularities)]


def scored_first(cells: Iterable[Cell]) -> list[Cell]:
    """The cells whose masks are computed on the model before any training; their own training is left out."""
    return [cell.untrained for cell in cells if cell.training is None or cell.training.way == "prune-then-train"]


def _noting_errors(evaluations: Iterable[Evaluation], raised: list[BaseException]) -> Iterator[Evaluation]:
    try:
        yield from evaluations
    except BaseException as error:
        raised.append(error)
        raise
