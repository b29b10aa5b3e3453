"""Runs the stages of all models of a job, each model in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ablate.coordinator.failed_models import FailedModels
from ablate.coordinator.maps import Maps
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.model_runs import ModelRuns
from ablate.coordinator.searched import Searched
from ablate.coordinator.stages import (
    NO_SEARCH,
    StageRows,
    confirm,
    pick,
    screen,
    search_at_random,
    with_choice,
)
from ablate.models.spec import ModelSpec
from ablate.plan.job import Job
from ablate.plan.plan import Cell
from ablate.store.store import Store


def all_stages(
    job: Job, store: Store, run: str, models: ModelRuns, failed: FailedModels, drawn: Maps
) -> Iterator[StageRows]:
    """Yields each finished stage: every model is screened, the choice is recorded, every model is confirmed.

    Each screen stage is yielded a second time, with the chosen cells marked, before the choice is recorded. Each model
    is asked for once to screen and once to confirm, since it may have to be loaded anew.

    Args:
        failed: the models that are left out; gets those that fail here.
        drawn: gets the maps of each model after its last stage.
    """
    dev: dict[ModelSpec, _OnDev] = {}
    for spec in job.recipe.model:
        if spec in failed:
            continue
        with failed.sparing_others(spec):
            dev[spec] = _on_dev(job, run, models.of(spec), drawn)
        if spec in dev and (screened := dev[spec].stage) is not None:
            yield screened
    if not job.tasks.confirm:
        return
    choice = {one.model: one.choice for one in dev.values()}
    for one in dev.values():
        if one.stage is not None:
            yield with_choice(one.stage, choice[one.model])
    store.record_choice(run, choice)
    for spec, one in dev.items():
        confirmed = None
        with failed.sparing_others(spec):
            confirmed = _confirmed(job, run, models.of(spec), one, drawn)
        if confirmed is not None:
            yield confirmed


@dataclass(frozen=True)
class _OnDev:
    """What was found of a model before any confirm task is read.

    stage: None if there are no screen tasks. picked: the cells to confirm, and choice: key -> text of each. searched:
    their rivals. What was chosen, or is a rival, cannot depend on a test set.
    """

    model: str
    stage: StageRows | None
    picked: tuple[Cell, ...] = ()
    choice: dict[str, str] = field(default_factory=dict)
    searched: Searched = NO_SEARCH


def _on_dev(job: Job, run: str, model_run: ModelRun, drawn: Maps) -> _OnDev:
    name = model_run.model.name
    stage = screen(job, model_run, run) if job.tasks.screen else None
    if not job.tasks.confirm:
        drawn.add(model_run.masks, job.plan.cells)
        return _OnDev(name, stage)
    picked = pick(job, model_run, stage.rows if stage else [])
    choice = {model_run.masks.key(cell): str(cell) for cell in picked}
    return _OnDev(name, stage, picked, choice, search_at_random(job, model_run, run, picked))


def _confirmed(job: Job, run: str, model_run: ModelRun, on_dev: _OnDev, drawn: Maps) -> StageRows:
    stage = confirm(job, model_run, run, on_dev.picked, on_dev.searched)
    drawn.add(model_run.masks, job.plan.cells)
    if len(job.recipe.model) > 1:
        drawn.add_removed(model_run.masks, on_dev.picked)
    return stage
