"""A recipe made ready: all of it checked that can be checked before weights load."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ablate.data.sources import Chosen, expand, resolve
from ablate.errors import DataError, PluginError, RecipeError
from ablate.experiment.plan import Plan, make_plan
from ablate.experiment.recipe import Recipe, SentEval
from ablate.experiment.yaml import Document
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
        limit: only so many of the plan's cells.

    Raises:
        RecipeError, DataError: what is wrong, where, and what to do.
    """
    plugins = registry()
    plan = make_plan(recipe, document, plugins).limited(limit)
    told: str | dict[str, str] = data or (
        {"senteval": str(recipe.data.senteval)} if isinstance(recipe.data, SentEval) else recipe.data
    )
    try:
        chosen = resolve(told, os.environ)
    except DataError as error:
        raise DataError(f"{'--data' if data else document.place(('data',))}: {error}") from None
    tasks = {}
    for key, names in (
        ("screen", recipe.screen),
        ("confirm", recipe.confirm.tasks if recipe.confirm else []),
    ):
        try:
            tasks[key] = expand(names, chosen.source)
            for name in tasks[key]:
                plugins.get("task", name)
        except (DataError, PluginError) as error:
            raise RecipeError(f"{document.place((key,))}: {error}") from None
    return Job(plan, chosen, tasks["screen"], tasks["confirm"], plugins)
