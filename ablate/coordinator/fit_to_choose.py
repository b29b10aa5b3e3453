"""Finds tasks that cannot choose cells, before any cell is evaluated: those on which no gain could be seen.

Only tasks on data of the user's own or of plug-ins are looked at: the standard sets tell models apart, and dense is
evaluated on its own for this, which would cost every run a start of the executor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.rows import short
from ablate.data.names import KNOWN
from ablate.errors import DataError, Undefined, message
from ablate.events import Event
from ablate.interrupts import any_failure
from ablate.judge.plugin_statistic import statistic_of
from ablate.plan.job import Job
from ablate.plan.plan import DENSE
from ablate.statistics.arrays import Values
from ablate.statistics.compare import permutation_p
from ablate.statistics.metric import EQUAL_WITHIN
from ablate.statistics.panel import Panel
from ablate.statistics.resample import Joint, Judged
from ablate.tasks.loaded import Loaded, at_dims, panel_of
from ablate.tasks.result import Result

_TASK = "task"


@dataclass(frozen=True)
class Fitness:
    """unfit: task -> why it cannot choose. worked: the keys of rows that were evaluated to find out, in this run."""

    unfit: dict[str, str]
    worked: frozenset[str] = frozenset()


def find_unfit(job: Job, model_run: ModelRun, tasks: Sequence[Loaded]) -> Fitness:
    """Evaluates dense on the screen tasks that choose, and tells which of them cannot.

    Raises:
        DataError: none is left, and cells are to be chosen.
    """
    own = {task.name for task in job.choosing if task.name not in KNOWN}
    looked_at = [task for task in tasks if task.name in own and task.fault is None and len(task.data)]
    if not looked_at:
        return Fitness({})
    wanted = at_dims(looked_at, job.recipe.truncate_dims)
    (dense,) = model_run.outcomes("screen, dense", (), wanted, part="screen")
    found = {task.name: _why(job, task, dense.results[task.name]) for task in looked_at if task.name in dense.results}
    unfit = {name: why for name, why in found.items() if why is not None}
    model = f"model '{model_run.model.name}': " if len(job.recipe.model) > 1 else ""
    for name, why in unfit.items():
        model_run.watch(Event("note", f"{model}task '{name}' cannot choose: {why}"))
    chooses = bool(job.recipe.confirm and job.recipe.confirm.cells == "best" and job.plan.grid)
    searches = any(cell.searches for cell in job.plan.cells)
    if (chooses or searches) and unfit.keys() >= {task.name for task in job.choosing}:
        (name, why), *others = unfit.items()
        also = f", nor can {', '.join(other for other, _ in others)}" if others else ""
        raise DataError(
            f"{model}task '{name}' cannot choose: {why}{also}; screen on a task with more or harder items"
            + (", or confirm {tasks: [...], cells: all}" if not searches else "")
        )
    model_run.masks.search_without(unfit)
    return Fitness(unfit, frozenset(() if dense.cached else (short(model_run.masks.key(DENSE)),)))


def _why(job: Job, task: Loaded, result: Result) -> str | None:
    """Why a task cannot choose; None if it can."""
    unit = task.task.unit
    if result.values is None:
        if result.score is None:
            return f"dense has no score: {result.reason}"
        return _at_an_end(task, result.score)
    panel = panel_of(task)
    kept = panel.kept if job.recipe.overlap == "drop" else np.ones(len(panel), bool)
    values, judged = result.values, panel.judged(job.recipe.overlap)
    try:
        score = task.task.score(task.data, values, kept)
    except Undefined as reason:
        return f"dense has no score: {message(reason)}"
    except any_failure():  # a plug-in's code may raise anything; the rows of the cells tell it
        return None
    if end := _at_an_end(task, score):
        return end
    if np.ptp(values[kept]) <= EQUAL_WITHIN:
        return f"dense has the same value on all {len(judged):,} items"
    p = _p_of_all_gains(job, task, values[kept], judged)
    level = job.recipe.statistics.level
    if p is not None and p > level:
        return (
            f"its {len(judged):,} items cannot tell dense, at {score:.1f} {unit}, from a model that makes no mistake "
            f"(p = {p:.2g}, one test at {level:g}), let alone from one that gains less"
        )
    return None


def _at_an_end(task: Loaded, score: float) -> str | None:
    """Why no gain, or no loss, can be seen from this score of dense; None if both can."""
    low, high = task.task.range
    worst, best = (low, high) if task.task.higher_is_better else (high, low)
    for end, what in ((best, "the best there is"), (worst, "the worst there is, so that texts or gold may be swapped")):
        if abs(score - end) <= EQUAL_WITHIN:
            return f"dense has {score:g} {task.task.unit}, {what}"
    return None


def _p_of_all_gains(job: Job, task: Loaded, dense: Values, panel: Panel) -> float | None:
    """The p of dense against a model that makes no mistake, by the permutation test that judges cells.

    Any other gain is smaller. None if it is not known what values such a model has, or there is no test.

    Args:
        dense: float32 [items of the panel].
    """
    best = task.task.range[1] if task.task.higher_is_better else task.task.range[0]
    statistics = job.recipe.statistics
    # A mean is best where every item is right, and a comparison with gold where the values are the gold.
    for perfect in (np.ones(len(panel), np.float32), panel.gold.astype(np.float32)):
        try:
            judged = Judged(panel, statistic_of(task.task, job.registry))
            if abs(judged.statistic.value(perfect, panel.gold) - best) > EQUAL_WITHIN:
                continue
            joint = Joint({_TASK: judged}, statistics.resamples, statistics.statistics_seed)
            swapped = joint.permute({_TASK: {_TASK: [(perfect, dense)]}})[_TASK][_TASK]
            return permutation_p(swapped.observed, swapped.differences)
        except Undefined:
            continue
        except any_failure():  # a plug-in's code may raise anything; the judge tells its errors, of real cells
            return None
    return None
