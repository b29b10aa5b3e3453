"""The tasks of a recipe: made with the parameters that it gives them, and their data read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ablate.data.items import ItemSet, PairKey, Source
from ablate.data.sources import members
from ablate.errors import FAILURES, AblateError, PluginError, RecipeError, one_line, suggest
from ablate.plugins import Registry
from ablate.recipe.document import Document
from ablate.recipe.explain import check
from ablate.recipe.recipe import Recipe
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded

Parameters = Mapping[str, Mapping[str, Any]]
"""Task -> what a recipe gives it; a task that is not there has its defaults."""


def parameters_of(
    recipe: Recipe, document: Document, source: Source, registry: Registry, used: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """What ``recipe.tasks`` gives each task in use: a task's own entry goes before that of a group it is in.

    Raises:
        RecipeError: an entry for what is no task or not in use, an unknown parameter or a wrong value; with its place.
    """
    tasks, found = tuple(used), dict[str, dict[str, Any]]()
    entries = {name: [task for task in tasks if task in members(name, source)] for name in recipe.tasks}
    for name in sorted(entries, key=tasks.__contains__):
        if not entries[name]:
            place = document.place(("tasks", name))
            raise RecipeError(f"{place}: '{name}' is none of the recipe's tasks; {suggest(name, tasks)}")
        for task in entries[name]:
            found[task] = {**found.get(task, {}), **recipe.tasks[name]}
    for name, concerned in entries.items():
        for task in concerned:
            check(registry.get("task", task), found[task], document, ("tasks", name), f"task '{task}'")
    return found


def make_task(registry: Registry, name: str, parameters: Parameters) -> Task:
    """The task of that name.

    Raises:
        PluginError: it is unknown, or no task.
    """
    task = registry.get("task", name)(**parameters.get(name, {}))
    if not isinstance(task, Task):
        raise PluginError(f"task '{name}' is no subclass of Task")
    return task


def load_tasks(
    names: Iterable[str],
    source: Source,
    registry: Registry,
    parameters: Parameters,
    seen: frozenset[PairKey] = frozenset(),
    faults: bool = False,
) -> list[Loaded]:
    """Reads the tasks' items, and marks those that nobody has seen.

    Args:
        seen: the pairs that calibration, training or choice has looked at.
        faults: give a task whose code fails with its fault and no items, so that it costs no other task.

    Raises:
        DataError, PluginError: an unknown task, items that are absent or malformed, or a task whose code fails.
    """
    loaded = []
    for name in names:
        task = make_task(registry, name, parameters)
        try:
            data = task.load(source)
            kept = data.unseen(seen)
        except AblateError:
            raise
        except FAILURES as error:  # a plug-in's may raise anything
            fault = f"task '{name}' cannot read its items: {one_line(error)}{registry.blame(task)}"
            if not faults:
                raise PluginError(fault) from error
            nothing = ItemSet(name, task.split, source.label, (), np.empty(0), ())
            loaded.append(Loaded(task, nothing, np.empty(0, bool), fault))
        else:
            loaded.append(Loaded(task, data, kept))
    return loaded
