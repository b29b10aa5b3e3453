"""A recipe that is ready to run: everything is checked that can be checked before weights load."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import cast

from ablate.data.sources import Chosen, resolve
from ablate.errors import DataError, RecipeError, suggest
from ablate.executors.base import Executor
from ablate.plan.plan import Plan, make_plan
from ablate.plan.tasks import RecipeTasks, check_splits, load_tasks, make_task, resolve_tasks
from ablate.plan.training_texts import Texts
from ablate.plugins import Registry, registry
from ablate.recipe.document import Document
from ablate.recipe.recipe import Recipe
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded


@dataclass(frozen=True)
class Job:
    """The plan, where its data come from, its tasks, and where its cells are evaluated.

    texts: what cells are trained on; None where none is trained.
    """

    plan: Plan
    chosen: Chosen
    tasks: RecipeTasks
    executor: Executor
    registry: Registry
    texts: Texts | None = None

    @property
    def recipe(self) -> Recipe:
        return self.plan.recipe

    @property
    def choosing(self) -> tuple[Task, ...]:
        """The screen tasks that have a say in which cells are confirmed."""
        return tuple(task for task in self.tasks.screen if task.chooses)

    def make(self, names: Iterable[str]) -> tuple[Task, ...]:
        """Other tasks, by name, with the parameters that the recipe gives them.

        Raises:
            PluginError: one is unknown.
        """
        return tuple(make_task(self.registry, name, self.tasks.parameters) for name in names)

    def load(
        self, tasks: Iterable[Task], seen: frozenset[tuple[str, str]] = frozenset(), *, faults: bool = False
    ) -> list[Loaded]:
        """Reads tasks, and marks the pairs that nothing has seen; see :func:`load_tasks`."""
        return load_tasks(tasks, self.chosen.source, self.registry, seen, faults)


def prepare_job(recipe: Recipe, document: Document, data: str | None = None, limit: int | None = None) -> Job:
    """Resolves a recipe's plug-ins, data source and tasks.

    Args:
        data: takes the place of the recipe's ``data`` (as ``--data`` does).
        limit: only so many of the plan's cells, at least 1.

    Raises:
        RecipeError, DataError: what is wrong, where, and what to do.
    """
    if limit is not None and limit < 1:
        raise RecipeError(f"--limit: at least 1 cell, not {limit}")
    plugins = registry()
    plan = make_plan(recipe, document, plugins).limited(limit)
    chosen = _source(recipe, document, data)
    tasks = resolve_tasks(recipe, document, chosen, plugins, plan.scorers)
    if any(scorer.calibrates for scorer in plan.scorers):
        check_splits(recipe.calibration.splits, chosen, document, ("calibration", "splits"))
    # The plan has checked the executor's name.
    executor = cast("Executor", plugins.get("executor", recipe.executor)())
    job = Job(plan, chosen, tasks, executor, plugins)
    _check_margins(job, document)
    _check_choice(job, document)
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
            raise DataError(f"--data: {text}") from None
        # Where nothing was asked for, the environment is wrong, and the text names it.
        place = f"{document.place(('data', 'senteval'))}: " if "data" in document.tree else ""
        raise DataError(place + text) from None


def _check_margins(job: Job, document: Document) -> None:
    names = [task.name for task in (*job.tasks.screen, *job.tasks.confirm)]
    for name in job.recipe.statistics.margins:
        if name not in names:
            place = document.place(("statistics", "margins", name))
            raise RecipeError(f"{place}: '{name}' is none of the recipe's tasks; {suggest(name, names)}")


def _check_choice(job: Job, document: Document) -> None:
    """Refuses a grid whose best cells are to be confirmed, without a task to choose them on."""
    confirm = job.recipe.confirm
    if job.plan.grid and confirm and confirm.cells == "best" and not job.choosing:
        raise RecipeError(
            f"{document.place(('screen',))}: {', '.join(task.name for task in job.tasks.screen)} report and do not "
            "choose, and cells are to be chosen on screen tasks; add a task such as sts-dev, or confirm "
            "{tasks: [...], cells: all}"
        )


def _read_early(job: Job) -> None:
    """Finds a broken file before the model is loaded. Test sets wait until their reading is logged."""
    job.load([task for task in job.tasks.screen if task.split != "test"], faults=True)
    job.load(chain(*job.tasks.scorers.values()))
