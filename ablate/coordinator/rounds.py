"""Evaluates the cells of a stage, then their matched draws in rounds: none without a gain, no more once settled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.rows import CellOutcome, Shared, make_rows, short
from ablate.judge.settled import gainless_cells, settled_cells
from ablate.plan.job import Job
from ablate.plan.manifest import manifest
from ablate.plan.plan import Cell
from ablate.record import RunAbout, RunRecord
from ablate.statistics.looks import Look, Looks
from ablate.tasks.base import WholeTask
from ablate.tasks.loaded import Loaded


@dataclass(frozen=True)
class InRounds:
    """A stage whose matched draws stop early.

    shared: what its rows have in common. draws: how many of a cell at most. cell_of: control -> its cell.
    """

    job: Job
    model_run: ModelRun
    shared: Shared
    tasks: Sequence[Loaded]
    draws: int
    cell_of: Mapping[Cell, Cell]

    def outcomes(self, cells: Sequence[Cell]) -> list[CellOutcome]:
        """Those of dense, of the cells, and of the controls that were made; the controls in their order.

        Which draws are made depends on scores alone, and not on what the store has. So a run that is resumed, and one
        that finds more draws in the store, makes the same.
        """
        looks, stage, settings = Looks.of(self.draws), self.shared.stage, self.job.recipe.statistics
        first = [*cells, *(control for control in self.cell_of if control.control != "matched")]
        dense, *found = self.model_run.outcomes(stage, first, self.tasks)
        made = dict(zip(first, found, strict=True))
        whole = {task.name for task in self.tasks if isinstance(task.task, WholeTask)}
        gainless = gainless_cells(self._record(dense, made), whole)
        done = set(gainless)
        for before, after in pairwise((0, *looks.numbers)):
            if before:
                done |= settled_cells(self._record(dense, made), Look(looks, before), settings, gainless)
            ready = self._to_make(after, made, done)
            if not ready:
                break
            draws = f"{stage}, draws {before + 1} to {after}"
            _, *found = self.model_run.outcomes(draws, ready, self.tasks, part=stage)
            made |= zip(ready, found, strict=True)
        return [dense, *(made[cell] for cell in [*cells, *self.cell_of] if cell in made)]

    def _to_make(self, number: int, made: Collection[Cell], done: Collection[str]) -> list[Cell]:
        """Of the first so many matched draws of each cell those not made yet; none of the cells whose key is done."""
        end, key = self.job.recipe.controls.control_seed + number, self.model_run.masks.key
        return [
            draw
            for draw, cell in self.cell_of.items()
            if draw.control == "matched"
            and draw.draw is not None
            and draw.draw < end
            and draw not in made
            and short(key(cell)) not in done
        ]

    def _record(self, dense: CellOutcome, made: Mapping[Cell, CellOutcome]) -> RunRecord:
        """The rows of what has been made so far, as those that are judged in the end."""
        key, reason = self.model_run.masks.key, self.model_run.reason
        controls = {key(control): key(cell) for control, cell in self.cell_of.items() if control in made}
        rows = make_rows(self.shared, self.tasks, dense, list(made.values()), controls, reason)
        return RunRecord(rows, RunAbout.begun(manifest(self.job), "", ""))
