"""Screens by racing: cells are evaluated on growing parts of the items, and stop once they cannot be chosen any more.

A look evaluates only items that are new to it. Each part of a task has its own data hash, and so its results have their
own keys: an interrupted race finds them in the store. The values of a cell that is not stopped are put together in the
order of the items, and stored under the key that the whole evaluation would have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ablate.coordinator.contest import Contest, Rules, Seen, of_part
from ablate.coordinator.look_ahead import look_ahead
from ablate.coordinator.looks import looks_of, parts_of, sentences
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.rows import CellOutcome
from ablate.coordinator.stopped import Stopped
from ablate.errors import AblateError, Undefined, message
from ablate.plan.choose import contests
from ablate.plan.job import Job
from ablate.plan.plan import DENSE, Cell
from ablate.statistics.arrays import Values
from ablate.statistics.race import SHARES
from ablate.store.keys import result_key
from ablate.tasks.loaded import Loaded
from ablate.tasks.result import Result


@dataclass(frozen=True)
class Raced:
    """How a race ended.

    stopped: the cells that have stopped, in the plan's order, without those whose whole results the store has.
    left: the cells that have raced and not stopped.
    worked: the keys of the cells of which something was evaluated in this run.
    cells: how many raced.
    encoded: how many sentences their race took, whether results came from the store or not.
    """

    stopped: Mapping[Cell, Stopped] = field(default_factory=dict)
    left: frozenset[Cell] = frozenset()
    worked: frozenset[str] = frozenset()
    cells: int = 0
    encoded: int = 0


def race(job: Job, model_run: ModelRun, tasks: Sequence[Loaded]) -> Raced:
    """Races the cells of the grid that compete to be chosen. Explicit cells are never stopped.

    Afterwards the store has the whole results, on the tasks that choose, of every cell that raced and has not stopped.

    Args:
        tasks: all screen tasks; those that choose are raced on.
    """
    choosing = {task.name for task in job.choosing} - set(model_run.unfit)
    raced = [task for task in tasks if task.task.name in choosing]
    # A cell without a result on one of the tasks cannot be chosen, so there is nothing to race for.
    if not raced or any(task.fault is not None or not len(task.data) for task in raced):
        return Raced()
    (dense,) = model_run.outcomes("screen, dense", (), raced, part="screen")
    if any(name not in dense.results or dense.results[name].values is None for name in (t.name for t in raced)):
        return Raced(worked=frozenset(() if dense.cached else (dense.key,)))
    others = [task for task in tasks if task.task.name not in choosing and task.fault is None]
    return _Race(job, model_run, raced, others, dense).run()


class _Race:
    """
    Args:
        tasks: those to race on. others: those on which only the cells that do not stop are evaluated.
    """

    def __init__(
        self, job: Job, model_run: ModelRun, tasks: Sequence[Loaded], others: Sequence[Loaded], dense: CellOutcome
    ) -> None:
        self._job, self._run, self._tasks, self._others = job, model_run, tasks, others
        # Cells are chosen by whole embeddings. Truncated ones are measured on the way, as they are encoded anyway.
        self._choosing = [task for task in tasks if task.dim is None]
        look = looks_of(self._choosing, job.recipe.evaluate.racing_seed)
        self._look = {task.name: look[task.task.name] for task in tasks}
        protected = frozenset(job.plan.explicit)
        self._contests = [
            Contest([tuple(cells) for cells in candidates], protected, DENSE)
            for candidates in contests(job.plan)
            if len(candidates) > 1
        ]
        self._order = {cell: place for place, cell in enumerate(job.plan.cells)}
        self._values: dict[Cell, dict[str, Values]] = {}
        self._abouts: dict[Cell, Mapping[str, object]] = {}
        self._about_results: dict[tuple[Cell, str], dict[str, object]] = {}
        self._seconds: dict[tuple[Cell, str], float] = {}
        self._worked = set[str](() if dense.cached else (dense.key,))
        self._encoded = 0
        self._take(DENSE, dense.about, {task.name: (task, dense.results[task.name]) for task in tasks})

    def run(self) -> Raced:
        cells = [cell for contest in self._contests for unit in contest.units for cell in unit]
        for cell, results in self._whole_results(cells).items():
            self._take(cell, {}, {task.name: (task, results[task.name]) for task in self._tasks})
        known = frozenset(self._values)
        last: dict[Cell, int] = {}
        for look in range(len(SHARES)):
            racing = [cell for contest in self._contests if contest.open for unit in contest.units for cell in unit]
            if not racing:
                break
            self._evaluate(f"screen on {100 * SHARES[look]:g} %", racing, self._parts(look, look), known)
            last |= dict.fromkeys(racing, look)
            self._settle(look)
        left = [cell for cell in cells if not any(cell in contest.stopped for contest in self._contests)]
        # A contest may be settled at any look. The rest of its winner's items is encoded at once.
        for look in range(len(SHARES)):
            at_look = [cell for cell in left if last.get(cell) == look and self._complete_to(cell, look)]
            if at_look:
                # With the other tasks, which may have some of these sentences too.
                rest = [*self._parts(look + 1, len(SHARES)), *self._others]
                self._evaluate("screen on the rest", at_look, rest, known)
        self._put_whole(cell for cell in left if cell not in known)
        return self._ended(cells)

    def _settle(self, look: int) -> None:
        try:
            parts = parts_of(self._choosing, self._look, 0, look)
            seen = Seen(Rules.of(self._job), self._job.registry, parts, self._choosing)
        except AblateError:  # the judge will say so, of whole cells
            return
        for contest in self._contests:
            if contest.open:
                contest.settle(seen, look, self._values)

    def _parts(self, first: int, last: int) -> list[Loaded]:
        return parts_of(self._tasks, self._look, first, last)

    def _evaluate(self, name: str, cells: Sequence[Cell], parts: Sequence[Loaded], known: frozenset[Cell]) -> None:
        """Evaluates cells on parts, unless their whole results are known. A cell that fails leaves the race."""
        self._encoded += len(cells) * sentences(parts, self._run.model)
        self._store({DENSE: [part for part in parts if part.part is not None]})
        to_do = sorted((cell for cell in cells if cell not in known), key=self._order.__getitem__)
        if not to_do or not parts:
            return
        _, *outcomes = self._run.outcomes(name, to_do, parts, part="screen")
        for outcome in outcomes:
            if not outcome.cached:
                self._worked.add(outcome.key)
            of_race = [part for part in parts if part.part is not None]
            results = {
                name: (part, outcome.results[name]) for part in of_race if (name := part.name) in outcome.results
            }
            if len(results) < len(of_race) or any(result.values is None for _, result in results.values()):
                for contest in self._contests:
                    contest.drop(outcome.cell)
                self._values.pop(outcome.cell, None)
            else:
                self._take(outcome.cell, outcome.about, results)

    def _take(self, cell: Cell, about: Mapping[str, object], results: Mapping[str, tuple[Loaded, Result]]) -> None:
        """Takes the values of a cell. An item that was not measured yet has NaN."""
        self._abouts[cell] = about
        of_cell = self._values.setdefault(cell, {})
        for name, (part, result) in results.items():
            assert result.values is not None
            whole = of_cell.setdefault(name, np.full(len(self._look[name]), np.nan, np.float32))
            whole[slice(None) if part.part is None else part.part] = result.values
            self._about_results[cell, name] = result.about
            self._seconds[cell, name] = self._seconds.get((cell, name), 0.0) + result.seconds

    def _complete_to(self, cell: Cell, look: int) -> bool:
        """Whether a cell has values of all items up to a look; a cell that failed has not."""
        of_cell = self._values.get(cell)
        if of_cell is None:
            return False
        return all(np.isfinite(of_cell[task.name][self._look[task.name] <= look]).all() for task in self._tasks)

    def _whole_results(self, cells: Sequence[Cell]) -> dict[Cell, dict[str, Result]]:
        """The results on all items that the store has, of the cells of which it has all of them with values."""
        masks = {cell: self._run.masks.key(cell) for cell in cells}
        run = self._run
        ahead = look_ahead(run.store, list(masks.values()), run.model, self._tasks, run.precision)
        keys = {
            cell: {task.name: self._key(ahead.masks[mask], task) for task in self._tasks}
            for cell, mask in masks.items()
            if mask in ahead.masks
        }
        stored = ahead.results
        found = {cell: {name: stored[key] for name, key in of.items() if key in stored} for cell, of in keys.items()}
        return {
            cell: results
            for cell, results in found.items()
            if len(results) == len(self._tasks) and all(result.values is not None for result in results.values())
        }

    def _key(self, about: Mapping[str, object], task: Loaded) -> str:
        mask = about.get("hash")
        return result_key(self._run.model, str(mask) if mask else None, task, self._run.precision)

    def _put_whole(self, cells: Iterable[Cell]) -> None:
        self._store({cell: self._tasks for cell in cells if self._complete_to(cell, len(SHARES))})

    def _store(self, parts: Mapping[Cell, Sequence[Loaded]]) -> None:
        """Stores the results of cells on items that they have values of."""
        with self._run.timings.measure("store"):
            self._run.store.put_results(
                {
                    self._key(self._abouts[cell], part): self._result(cell, part)
                    for cell, of in parts.items()
                    for part in of
                }
            )

    def _result(self, cell: Cell, part: Loaded) -> Result:
        """The result on some of the items, as the evaluation of these items would give it."""
        values = np.ascontiguousarray(of_part(self._values, cell, part))
        about = self._about_results[cell, part.name]
        measured = int(np.isfinite(self._values[cell][part.name]).sum())
        seconds = self._seconds[cell, part.name] * len(values) / measured
        try:
            score = part.task.score(part.data, values, np.ones(len(values), bool))
        except Undefined as reason:
            return Result("undefined", message(reason), None, values, seconds, about)
        return Result("ok", None, score, values, seconds, about)

    def _ended(self, cells: Sequence[Cell]) -> Raced:
        at_look = {cell: look for contest in self._contests for cell, look in contest.stopped.items()}
        # Another cell with the same mask may have gone on to the end. Then the store has this one's results too, and
        # a later run would find them.
        whole = self._whole_results(list(at_look))
        for cell in whole:
            self._encoded += sentences([*self._parts(at_look[cell] + 1, len(SHARES)), *self._others], self._run.model)
        stopped: dict[Cell, Stopped] = {}
        for cell in sorted(at_look.keys() - whole.keys(), key=self._order.__getitem__):
            seen = self._parts(0, at_look[cell])
            self._store({cell: seen})
            stopped[cell] = Stopped(seen, self._outcome(DENSE, seen), self._outcome(cell, seen))
        # Those that failed are evaluated once more, as cells of a run without racing are.
        again = sum(cell not in at_look and not self._complete_to(cell, len(SHARES)) for cell in cells)
        encoded = self._encoded + again * sentences([*self._tasks, *self._others], self._run.model)
        left = frozenset(cells).difference(at_look)
        return Raced(stopped, left, frozenset(self._worked), len(cells), encoded)

    def _outcome(self, cell: Cell, seen: Sequence[Loaded]) -> CellOutcome:
        key, about = self._run.masks.key(cell), self._abouts[cell]
        return CellOutcome(
            cell,
            key,
            about,
            {part.name: self._result(cell, part) for part in seen},
            cached=key not in self._worked,
            keys={part.name: self._key(about, part) for part in seen},
        )
