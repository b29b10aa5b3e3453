"""A recipe made ready: all of it checked that can be checked before weights load."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ablate.data.sources import Chosen, expand, resolve
from ablate.errors import DataError, PluginError, RecipeError
from ablate.experiment.plan import Plan, make_plan
from ablate.experiment.recipe import Recipe
from ablate.experiment.subject import load_tasks
from ablate.experiment.yaml import Document, Location
from ablate.plugins import Registry, registry
from ablate.tasks.base import Task


@dataclass(frozen=True)
class Job:
    """The plan, where its data come from, and its tasks with groups replaced by their members."""

    plan: Plan
    chosen: Chosen
    screen: tuple[str, ...]
    confirm: tuple[str, ...]
    registry: Registry

    @property
    def recipe(self) -> Recipe:
        return self.plan.recipe

    def split(self, task: str) -> str:
        """``train``, ``dev`` or ``test``."""
        found = self.registry.get("task", task)
        assert issubclass(found, Task)
        return found.split


def ready(recipe: Recipe, document: Document, data: str | None = None, limit: int | None = None) -> Job:
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
    confirms = recipe.confirm.tasks if recipe.confirm else []
    screen = _tasks(recipe.screen, chosen, plugins, document, ("screen",))
    confirm = _tasks(confirms, chosen, plugins, document, ("confirm", "tasks"))
    job = Job(plan, chosen, screen, confirm, plugins)
    # A broken file is better known before the model is loaded. Test sets wait until their reading is logged.
    load_tasks([name for name in screen if job.split(name) != "test"], chosen.source, plugins, frozenset())
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


def _tasks(
    names: list[str], chosen: Chosen, plugins: Registry, document: Document, location: Location
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for i, name in enumerate(names):
        try:
            members = expand([name], chosen.source)
            for member in members:
                plugins.get("task", member, also=chosen.source.groups())
        except (DataError, PluginError) as error:
            raise RecipeError(f"{document.place((*location, i))}: {error}") from None
        found.update(dict.fromkeys(members))
    return tuple(found)
