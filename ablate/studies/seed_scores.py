"""The scores of the same cells under several calibration sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, stdev

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.read_tasks import read_tasks
from ablate.coordinator.rows import make_rows
from ablate.coordinator.stages import shared_fields
from ablate.data.items import PairKey
from ablate.plan.job import Job
from ablate.plan.plan import Cell
from ablate.record import Row, devices_note
from ablate.studies.computed import precision_notes
from ablate.studies.stability_record import CellScores


def seed_scores(
    job: Job, model_runs: Sequence[ModelRun], cells: Sequence[Cell], run: str, note: Callable[[str], None]
) -> dict[Cell, CellScores]:
    """The gains of each cell on the screen tasks that choose, with each of the calibration sets.

    All gains are on the same items: with ``overlap: drop``, on those that none of the calibration sets has seen.

    Args:
        model_runs: the same model with different calibration sets, at least one.
        cells: of one step each.
        note: called with a sentence on the precision or the devices of the scores, if there is something to say.
    """
    names = [task.name for task in job.choosing]
    seen = frozenset[PairKey]().union(*(model_run.calibration.seen for model_run in model_runs))
    tasks = read_tasks(job, model_runs[0].store, run, job.choosing, seen, len(cells) * len(model_runs))
    rows: dict[Cell, list[list[Row]]] = {cell: [] for cell in cells}
    for model_run in model_runs:
        dense, *outcomes = model_run.outcomes(f"scores, calibration seed {model_run.calibration.seed}", cells, tasks)
        shared = shared_fields(job, model_run, "scores", chosen=False)
        all_rows = make_rows(shared, tasks, dense, outcomes, {}, model_run.reason)
        # The first rows are those of dense.
        for place, cell in enumerate(cells, 1):
            rows[cell].append(all_rows[place * len(tasks) : (place + 1) * len(tasks)])
    devices = [row.device for by_seed in rows.values() for of_seed in by_seed for row in of_seed]
    for text in (*precision_notes(job, model_runs[0], tasks), *devices_note(devices)):
        note(text)
    return {cell: _cell_scores(job, cell, names, by_seed) for cell, by_seed in rows.items()}


def _cell_scores(job: Job, cell: Cell, tasks: Sequence[str], by_seed: Sequence[Sequence[Row]]) -> CellScores:
    clean = job.recipe.overlap == "drop"
    rows = [row for of_seed in by_seed for row in of_seed]
    gains = [_gain(of_seed, clean) for of_seed in by_seed]
    defined = [gain for gain in gains if gain is not None]
    # A mean over some of the seeds would not be comparable with those of other cells.
    complete = len(defined) == len(gains) > 0
    reasons = [row.reason or row.status for row in rows if row.delta_on(clean) is None]
    return CellScores(
        sparsity=cell.steps[0].sparsity,
        scope=cell.steps[0].scope,
        tasks=tuple(tasks),
        unit=", ".join(dict.fromkeys(row.unit for row in rows)),
        gains=tuple(gains),
        mean=fmean(defined) if complete else None,
        sd=stdev(defined) if complete and len(defined) > 1 else None,
        low=min(defined) if complete else None,
        high=max(defined) if complete else None,
        reason=reasons[0] if reasons else None,
    )


def _gain(rows: Sequence[Row], clean: bool) -> float | None:
    """The mean over the tasks of one cell's rows; None if a task has no Δ."""
    gains = [gain for row in rows if (gain := row.gain_on(clean)) is not None]
    return fmean(gains) if len(gains) == len(rows) else None
