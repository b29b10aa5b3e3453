"""Evaluates the cells of a stage, and their matched draws in rounds: no more of a cell once it is settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.rows import CellOutcome, Shared, make_rows, short
from ablate.judge.settled import settled_cells
from ablate.plan.job import Job
from ablate.plan.manifest import manifest
from ablate.plan.plan import Cell
from ablate.record import RunAbout, RunRecord
from ablate.statistics.looks import Look, Looks
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
        looks = Looks.of(self.draws)
        stage, ready = self.shared.stage, [control for control in self.cell_of if not self._later(control, 0)]
        dense, *found = self.model_run.outcomes(stage, [*cells, *ready], self.tasks)
        made = dict(zip([*cells, *ready], found, strict=True))
        settled: set[str] = set()
        for before, after in zip(looks.numbers, looks.numbers[1:], strict=False):
            settled |= settled_cells(self._record(dense, made), Look(looks, before), self.job.recipe.statistics)
            ready = [
                control
                for control, cell in self.cell_of.items()
                if control not in made
                and not self._later(control, looks.numbers.index(after))
                and short(self.model_run.masks.key(cell)) not in settled
            ]
            if not ready:
                break
            _, *found = self.model_run.outcomes(f"{stage}, draws {before + 1} to {after}", ready, self.tasks)
            made |= zip(ready, found, strict=True)
        return [dense, *(made[cell] for cell in [*cells, *self.cell_of] if cell in made)]

    def _later(self, control: Cell, look: int) -> bool:
        """Whether it is a draw that this look does not take yet."""
        first = self.job.recipe.controls.control_seed
        number = Looks.of(self.draws).numbers[look]
        return control.control == "matched" and control.draw is not None and control.draw - first >= number

    def _record(self, dense: CellOutcome, made: Mapping[Cell, CellOutcome]) -> RunRecord:
        """The rows of what has been made so far, as those that are judged in the end."""
        key, reason = self.model_run.masks.key, self.model_run.reason
        controls = {key(control): key(cell) for control, cell in self.cell_of.items() if control in made}
        rows = make_rows(self.shared, self.tasks, dense, list(made.values()), controls, reason)
        return RunRecord(rows, RunAbout.begun(manifest(self.job), "", ""))
