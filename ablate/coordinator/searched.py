"""Random search: as many random masks as a cell's search has scored on dev. The best of them is its rival."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.read_tasks import read_tasks
from ablate.coordinator.rows import Shared, make_rows, short
from ablate.data.items import PairKey
from ablate.granularities.base import Granularity
from ablate.interrupts import any_failure
from ablate.plan.choose import mean_gains
from ablate.plan.job import Job
from ablate.plan.plan import Cell
from ablate.plan.searched import evaluations, most_masks, on_screen, tasks_looked_at
from ablate.tasks.loaded import Loaded


@dataclass(frozen=True)
class Searched:
    """What is known of the searches on dev of the picked cells.

    evaluations: how many masks were scored to find a cell; without the cells that no search found.
    rivals: the best random mask of each random search -> the cell that it is a rival of.
    """

    evaluations: Mapping[Cell, int]
    rivals: Mapping[Cell, Cell]


def counted(job: Job, model_run: ModelRun, picked: Sequence[Cell], *, before: bool = False) -> dict[Cell, int]:
    """How many masks were scored on dev to find each cell; without the cells that no search found.

    Args:
        before: count the most that a search may score, where its mask is not made yet. Otherwise that cell is left out.
    """
    found = {}

    def layers_of(granularity: Granularity) -> NDArray[np.int64]:
        return model_run.masks.scores.layers_of(granularity).numpy()

    for cell in dict.fromkeys(picked):
        try:
            count = evaluations(job.plan, cell, layers_of)
            if cell.searches:
                scored = model_run.masks.scored(cell)
                if scored is None:
                    if not before:
                        continue
                    scored = most_masks(cell, layers_of)
                # The scorer's own masks, if it looked at dev too, and those of the search.
                count = (count or 0) + scored or None
        except any_failure():  # a plug-in's code may raise anything; the cell's rows say what fails
            continue
        if count is not None:
            found[cell] = count
    return found


def candidates(job: Job, counts: Mapping[Cell, int]) -> dict[Cell, list[list[Cell]]]:
    """For each cell the random masks of each of its random searches."""
    searches, first = job.recipe.controls.searched, job.recipe.controls.control_seed
    return {
        cell: [
            [cell.as_control("searched", first + search * count + draw) for draw in range(count)]
            for search in range(searches)
        ]
        for cell, count in counts.items()
    }


def search(
    job: Job, model_run: ModelRun, run: str, picked: Sequence[Cell], shared: Shared, seen: frozenset[PairKey]
) -> Searched:
    """Evaluates the random masks of each search on the dev tasks that found the cell, and takes the best of each.

    Args:
        seen: the pairs that calibration and training have looked at.
    """
    counts = counted(job, model_run, picked)
    masks = candidates(job, counts)
    by_tasks: dict[tuple[str, ...], list[Cell]] = {}
    for cell in masks if job.recipe.controls.searched else ():
        by_tasks.setdefault(() if on_screen(job.plan, cell) else tasks_looked_at(cell), []).append(cell)
    rivals: dict[Cell, Cell] = {}
    for names, cells in by_tasks.items():
        distinct = dict.fromkeys(mask for cell in cells for searches in masks[cell] for mask in searches)
        gains = _gains(job, model_run, shared, list(distinct), _tasks(job, model_run, run, names, seen, len(distinct)))
        for cell in cells:
            for searches in masks[cell]:
                scored = [mask for mask in searches if mask in gains]
                if scored:
                    rivals[max(scored, key=gains.__getitem__)] = cell
    return Searched(counts, rivals)


def _tasks(
    job: Job, model_run: ModelRun, run: str, names: Sequence[str], seen: frozenset[PairKey], count: int
) -> list[Loaded]:
    """The tasks that scorers name, on all of their items as scorers use them; without names those that choose."""
    if names:
        return list({task.name: task for name in names for task in model_run.masks.tasks[name]}.values())
    choosing = [task for task in job.choosing if task.name not in model_run.unfit]
    return read_tasks(job, model_run.store, run, choosing, seen, count, faults=True)


def _gains(
    job: Job, model_run: ModelRun, shared: Shared, masks: Sequence[Cell], tasks: Sequence[Loaded]
) -> dict[Cell, float]:
    """The mean gain of each mask over the tasks; without those that have none."""
    dense, *outcomes = model_run.outcomes("search", masks, tasks)
    rows = make_rows(shared, tasks, dense, outcomes, {}, model_run.reason)
    means = mean_gains(rows, job.recipe.overlap == "drop")
    keys = {mask: short(model_run.masks.key(mask)) for mask in masks}
    return {mask: means[key] for mask, key in keys.items() if key in means}
