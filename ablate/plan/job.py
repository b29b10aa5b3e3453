"""A recipe that is ready to run. Everything that can be checked before weights load has been checked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import torch

from ablate.arguments import argument
from ablate.data.calibration import Calibration
from ablate.data.items import PairKey, Source
from ablate.data.sources import Chosen, resolve
from ablate.errors import DataError, ModelError, RecipeError, suggest
from ablate.models.checkpoint import check_name
from ablate.models.device import resolve as resolve_device
from ablate.models.precision import check_precision
from ablate.plan.calibration import draw_calibration
from ablate.plan.calibration_source import CalibrationSource
from ablate.plan.make_plan import make_plan
from ablate.plan.plan import Plan
from ablate.plan.tasks import RecipeTasks, load_tasks, make_task, resolve_tasks
from ablate.plan.training_texts import Texts
from ablate.plugins import Registry, registry
from ablate.recipe.document import Document
from ablate.recipe.near_duplicates import IGNORE, REPORT, NearDuplicates
from ablate.recipe.recipe import Recipe
from ablate.tasks.base import NO_VALUES, Task, WholeTask
from ablate.tasks.loaded import Loaded
from ablate.tasks.own import OwnTask


@dataclass(frozen=True)
class Job:
    """The plan, its data source and its tasks.

    texts: the training texts; None if no cell is trained.
    device: where the models run.
    calibration: what scorers may look at; :data:`~ablate.data.calibration.NOTHING` if none does.
    """

    plan: Plan
    chosen: Chosen
    tasks: RecipeTasks
    registry: Registry
    device: torch.device
    calibration: Calibration
    texts: Texts | None = None

    @property
    def recipe(self) -> Recipe:
        return self.plan.recipe

    @property
    def choosing(self) -> tuple[Task, ...]:
        """The screen tasks by which the cells to confirm are chosen."""
        return tuple(task for task in self.tasks.screen if task.chooses)

    @property
    def near(self) -> NearDuplicates:
        """What happens to near-duplicates. Those of own files are reported unless the recipe says otherwise."""
        own = any(isinstance(task, OwnTask) for task in (*self.tasks.screen, *self.tasks.confirm))
        return self.recipe.near_duplicates or (REPORT if own else IGNORE)

    @property
    def calibration_source(self) -> Source:
        """The source that calibration sets are drawn from: also the recipe's own files."""
        return CalibrationSource(self.chosen.source, self.tasks.calibrating)

    def make(self, names: Iterable[str]) -> tuple[Task, ...]:
        """Other tasks, by name, with the parameters that the recipe gives them.

        Raises:
            PluginError: a task is unknown.
        """
        return tuple(make_task(self.registry, name, self.tasks.parameters) for name in names)

    def load(
        self, tasks: Iterable[Task], seen: frozenset[PairKey] = frozenset(), *, faults: bool = False
    ) -> list[Loaded]:
        """Loads tasks, and marks the unseen items; see :func:`load_tasks`."""
        return load_tasks(tasks, self.chosen.source, self.registry, seen, faults, self.near)


def prepare_job(recipe: Recipe, document: Document, data: str | None = None, limit: int | None = None) -> Job:
    """Resolves a recipe's plug-ins, data source and tasks.

    Args:
        data: replaces the recipe's ``data``.
        limit: only this many of the plan's cells, at least 1.

    Raises:
        RecipeError, DataError: what is wrong, where, and what to do.
    """
    if limit is not None and limit < 1:
        raise RecipeError(f"{argument('limit')}: at least 1 cell, not {limit}")
    device = _device(recipe, document)
    plugins = registry()
    _check_models(recipe, document)
    plan = make_plan(recipe, document, plugins).limited(limit)
    chosen = _source(recipe, document, data)
    tasks = resolve_tasks(recipe, document, chosen, plugins, {scorer: plan.places[scorer] for scorer in plan.scorers})
    job = Job(plan, chosen, tasks, plugins, device, draw_calibration(plan, chosen, document, tasks.calibrating))
    _check_margins(job, document)
    _check_choice(job, document)
    _check_scales(job, document)
    _check_racing(job, document)
    _check_searches(job, document)
    _read_early(job)
    return job


def _source(recipe: Recipe, document: Document, data: str | None) -> Chosen:
    asked: str | dict[str, str] = (
        recipe.data if isinstance(recipe.data, str) else {"senteval": str(recipe.data.senteval)}
    )
    try:
        return resolve(asked if data is None else data, os.environ)
    except DataError as error:
        text = str(error).removeprefix("data: ")
        if data is not None:
            raise DataError(f"{argument('data')}: {text}") from None
        # If the recipe has no `data`, the environment is wrong, and the text names the variable.
        place = f"{document.place(('data', 'senteval'))}: " if "data" in document.tree else ""
        raise DataError(place + text) from None


def _device(recipe: Recipe, document: Document) -> torch.device:
    """The device of a recipe, after a check that it is there and computes in the recipe's precision."""

    def refused(key: str, error: ModelError) -> RecipeError:
        place = document.place((key,))
        # The place of an argument, or of a recipe in Python, has the key already.
        return RecipeError(f"{place}: {error}" if place.endswith(key) or "=" in place else f"{place}: {key}: {error}")

    try:
        device = resolve_device(recipe.device)
    except ModelError as error:
        raise refused("device", error) from None
    try:
        check_precision(recipe.precision, device)
    except ModelError as error:
        raise refused("precision", error) from None
    return device


def _check_models(recipe: Recipe, document: Document) -> None:
    """Refuses a name that is no model's. Whether its files are good is seen when it is loaded."""
    for i, spec in enumerate(recipe.model):
        try:
            check_name(spec)
        except ModelError as error:
            raise ModelError(f"{document.place(('model', i, 'name'))}: {error}") from None


def _check_margins(job: Job, document: Document) -> None:
    names = [task.name for task in (*job.tasks.screen, *job.tasks.confirm)]
    for name in job.recipe.statistics.margins:
        if name not in names:
            place = document.place(("statistics", "margins", name))
            raise RecipeError(f"{place}: '{name}' is not one of the recipe's tasks; {suggest(name, names)}")


def _check_choice(job: Job, document: Document) -> None:
    """Refuses a grid whose best cells are to be confirmed, if there is no task to choose them on."""
    confirm = job.recipe.confirm
    if job.plan.grid and confirm and confirm.cells == "best" and not job.choosing:
        raise RecipeError(
            f"{document.place(('screen',))}: {', '.join(task.name for task in job.tasks.screen)} cannot choose "
            "cells, and the best cells are chosen on screen tasks; add a task such as sts-dev, or confirm "
            "{tasks: [...], cells: all}"
        )


def _check_scales(job: Job, document: Document) -> None:
    """Refuses to choose by the mean of scores of which some are on a scale of their own."""
    units = {task.unit: task.name for task in job.choosing}
    if len(units) > 1 and any(isinstance(task, WholeTask) for task in job.choosing):
        each = " and ".join(f"'{name}' in {unit}" for unit, name in units.items())
        raise RecipeError(
            f"{document.place(('screen',))}: cells are chosen by the mean of {each}, which are two scales; keep the "
            "tasks of one of them"
        )


def _check_racing(job: Job, document: Document) -> None:
    """Refuses racing where no cell may stop, or where parts of the items say nothing about the whole."""
    if not job.recipe.evaluate.racing:
        return
    unfit = [task.name for task in job.choosing if not task.per_item]
    if job.recipe.confirm is not None and job.recipe.confirm.cells == "all":
        why = "every cell is confirmed, so none may stop; leave out racing, or confirm the best cells"
    elif not job.choosing:
        why = f"no screen task chooses cells ({', '.join(task.name for task in job.tasks.screen) or 'there is none'})"
        why += "; add one such as sts-dev"
    elif unfit:
        why = f"{', '.join(unfit)} cannot be measured on a part of the items; leave out the task, or racing"
    elif any(cell.training for cell in job.plan.cells):
        why = "trained cells are not raced; leave out racing"
    else:
        return
    raise RecipeError(f"{document.place(('evaluate', 'racing'))}: {why}")


def _check_searches(job: Job, document: Document) -> None:
    """Refuses a search of masks where no dev task can tell which mask is better."""
    steps = ((i, j, step) for i, cell in enumerate(job.recipe.cells) for j, step in enumerate(cell))
    place = next((document.place(("cells", i, j, "search")) for i, j, step in steps if step.search), None)
    if place is None:
        return
    tests = [task.name for task in job.choosing if task.split == "test"]
    whole = [task.name for task in job.choosing if isinstance(task, WholeTask)]
    if whole:
        raise RecipeError(f"{place}: '{whole[0]}' has {NO_VALUES}, and a search tests its swaps; leave out the task")
    if not job.choosing:
        named = ", ".join(task.name for task in job.tasks.screen) or "there is none"
        raise RecipeError(f"{place}: no screen task can compare masks ({named}); add one such as sts-dev to screen")
    if tests:
        raise RecipeError(
            f"{place}: the search would look at '{tests[0]}' of screen, a test set, which must not choose; screen on "
            "dev sets, and list test sets under confirm"
        )


def _read_early(job: Job) -> None:
    """Finds a broken file before the model is loaded. Test sets are not read here, because each read is logged."""
    job.load([task for task in job.tasks.screen if task.split != "test"], faults=True)
    job.load(chain(*job.tasks.scorers.values()))
