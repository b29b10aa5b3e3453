"""The scores of the same cells under several calibration sets."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.rows import make_rows
from ablate.plan.job import Job
from ablate.plan.plan import Cell
from ablate.record import Row


def seed_scores(
    job: Job, model_runs: Sequence[ModelRun], cells: Sequence[Cell], run: str
) -> dict[Cell, dict[str, Any]]:
    """Each cell's gain over dense, a mean over the screen tasks that choose, under each model_run's calibration set.

    All are taken on the same pairs: with ``overlap: drop`` those that none of the sets has seen.

    Args:
        model_runs: one model with one calibration set each.

    Returns:
        ``tasks``; ``unit`` (of the tasks, joined); ``gains``: float or None for each model_run; ``mean``, ``sd``
        (sample), ``low``, ``high`` over them, None unless all are there (sd: of two at least); ``reason`` for what
        is not there.
    """
    names = [task.name for task in job.choosing]
    seen = frozenset[tuple[str, str]]().union(*(model_run.calibration.seen for model_run in model_runs))
    tests = [task.name for task in job.choosing if task.split == "test"]
    model_runs[0].store.record_reads(run, tests, len(cells) * len(model_runs))
    tasks = job.load(job.choosing, seen)
    rows: dict[Cell, list[list[Row]]] = {cell: [] for cell in cells}
    for model_run in model_runs:
        dense, *outcomes = model_run.outcomes(f"scores, calibration seed {model_run.calibration.seed}", cells, tasks)
        made = make_rows({"chosen": False}, tasks, dense, outcomes, {}, model_run.reason)
        for place, cell in enumerate(cells, 1):
            rows[cell].append(made[place * len(tasks) : (place + 1) * len(tasks)])
    return {cell: _summary(job, names, found) for cell, found in rows.items()}


def _summary(job: Job, tasks: list[str], rows: Sequence[Sequence[Row]]) -> dict[str, Any]:
    field = "delta_clean" if job.recipe.overlap == "drop" else "delta"
    every = [row for of_seed in rows for row in of_seed]
    gains = [_gain(of_seed, field) for of_seed in rows]
    there = [gain for gain in gains if gain is not None]
    whole = len(there) == len(gains) > 0
    reasons = [row["reason"] or row["status"] for row in every if row[field] is None]
    return {
        "tasks": tasks,
        "unit": ", ".join(dict.fromkeys(row["unit"] for row in every)),
        "gains": gains,
        "mean": fmean(there) if whole else None,
        "sd": stdev(there) if whole and len(there) > 1 else None,
        "low": min(there) if whole else None,
        "high": max(there) if whole else None,
        "reason": reasons[0] if reasons else None,
    }


def _gain(rows: Sequence[Row], field: str) -> float | None:
    if any(row[field] is None for row in rows):
        return None
    return fmean(row[field] if row["higher_is_better"] else -row[field] for row in rows)
