"""The tasks of a recipe: names become objects once, with the parameters that the recipe gives them; and their data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import numpy as np

from ablate.data.names import GROUPS, KNOWN, split_of
from ablate.data.pairs import PairSet, Source
from ablate.data.sources import Chosen, expand, members
from ablate.errors import FAILURES, AblateError, DataError, PluginError, RecipeError, one_line, suggest
from ablate.plugins import Registry
from ablate.recipe.document import Document, Location
from ablate.recipe.explain import check
from ablate.recipe.recipe import Recipe
from ablate.scorers.base import Scorer
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded

Parameters = Mapping[str, Mapping[str, Any]]
"""Task -> the values that a recipe gives it; a task that is absent has its defaults."""


@dataclass(frozen=True)
class RecipeTasks:
    """Every task of a recipe.

    screen, confirm: in the recipe's order, groups replaced by their members.
    scorers: the tasks behind each name that a scorer gives (``Scorer.tasks``).
    parameters: what the recipe gives each task.
    """

    screen: tuple[Task, ...]
    confirm: tuple[Task, ...]
    scorers: Mapping[str, tuple[Task, ...]]
    parameters: Parameters


def resolve_tasks(
    recipe: Recipe, document: Document, chosen: Chosen, registry: Registry, scorers: Iterable[Scorer]
) -> RecipeTasks:
    """Makes the tasks that a recipe and its scorers name.

    Raises:
        RecipeError: an unknown task, a data set that the source lacks, a wrong parameter, or a scorer that names a test
            set; with its place.
    """
    names = _Names(document, chosen, registry)
    screen = names.listed(recipe.screen, ("screen",))
    confirm = names.listed(recipe.confirm.tasks if recipe.confirm else [], ("confirm", "tasks"))
    by_scorer = {name: names.of_scorer(name) for scorer in scorers for name in scorer.tasks()}
    studied = names.listed(recipe.prevalence.confirm or [], ("prevalence", "confirm"))
    used = (*screen, *confirm, *chain(*by_scorer.values()), *studied)
    parameters = parameters_of(recipe, document, chosen.source, registry, used)
    made = {name: make_task(registry, name, parameters) for name in dict.fromkeys(used)}
    return RecipeTasks(
        tuple(made[name] for name in screen),
        tuple(made[name] for name in confirm),
        {name: tuple(made[task] for task in tasks) for name, tasks in by_scorer.items()},
        parameters,
    )


@dataclass(frozen=True)
class _Names:
    """From the names in a recipe to those of tasks, each known to the registry."""

    document: Document
    chosen: Chosen
    registry: Registry

    def listed(self, names: Sequence[str], location: Location) -> tuple[str, ...]:
        """A list of the recipe, groups replaced by their members, without repetition."""
        tasks: dict[str, None] = {}
        for i, name in enumerate(names):
            try:
                tasks.update(dict.fromkeys(self._members(name, ("geometry",))))
            except (DataError, PluginError) as error:
                raise RecipeError(f"{self.document.place((*location, i))}: {error}") from None
        return tuple(tasks)

    def of_scorer(self, name: str) -> tuple[str, ...]:
        """The tasks behind a name that a scorer gives; never of a test split."""
        try:
            tasks = self._members(name)
        except (DataError, PluginError) as error:
            raise RecipeError(f"a scorer looks at a task: {error}") from None
        for task in tasks:
            if _class(self.registry, task).split == "test":
                raise RecipeError(
                    f"a scorer looks at '{task}', a test set, which must not choose; name a dev or train set"
                )
        return tasks

    def _members(self, name: str, also: tuple[str, ...] = ()) -> tuple[str, ...]:
        tasks = expand([name], self.chosen.source)
        for task in tasks:
            self.registry.get("task", task, also=[*also, *self.chosen.source.groups()])
        return tasks


def check_splits(splits: Sequence[str], chosen: Chosen, document: Document, location: Location) -> None:
    """Refuses splits to draw from, for calibration or training, that are unknown, lacking or of a test set.

    Raises:
        RecipeError: with its place.
    """
    for i, name in enumerate(splits):
        place = document.place((*location, i))
        try:
            data_sets = expand([name], chosen.source)
        except DataError as error:
            raise RecipeError(f"{place}: {error}") from None
        for data_set in data_sets:
            if data_set not in KNOWN:
                raise RecipeError(f"{place}: unknown data set '{data_set}'; {suggest(data_set, (*KNOWN, *GROUPS))}")
            if split_of(data_set) == "test":
                raise RecipeError(f"{place}: '{data_set}' is a test set, which must only report; name a train set")


def parameters_of(
    recipe: Recipe, document: Document, source: Source, registry: Registry, used: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """What ``recipe.tasks`` gives each task in use: a task's own entry goes before that of a group it is in.

    Raises:
        RecipeError: an entry for what is no task or not in use, an unknown parameter or a wrong value; with its place.
    """
    tasks, given = tuple(used), dict[str, dict[str, Any]]()
    entries = {name: [task for task in tasks if task in members(name, source)] for name in recipe.tasks}
    for name in sorted(entries, key=tasks.__contains__):
        if not entries[name]:
            place = document.place(("tasks", name))
            raise RecipeError(f"{place}: '{name}' is none of the recipe's tasks; {suggest(name, tasks)}")
        for task in entries[name]:
            given[task] = {**given.get(task, {}), **recipe.tasks[name]}
    for name, concerned in entries.items():
        for task in concerned:
            check(registry.get("task", task), given[task], document, ("tasks", name), f"task '{task}'")
    return given


def make_task(registry: Registry, name: str, parameters: Parameters) -> Task:
    """The task of that name.

    Raises:
        PluginError: it is unknown.
    """
    return _class(registry, name)(**parameters.get(name, {}))


def _class(registry: Registry, name: str) -> type[Task]:
    # What is registered as a task is a subclass of Task: the registry sees to that.
    return cast("type[Task]", registry.get("task", name))


def load_tasks(
    tasks: Iterable[Task],
    source: Source,
    registry: Registry,
    seen: frozenset[tuple[str, str]] = frozenset(),
    faults: bool = False,
) -> list[Loaded]:
    """Reads the tasks' pairs, and marks those that nothing has seen.

    Args:
        faults: a task whose code fails comes back with its fault and no pairs, so that it costs no other task.

    Raises:
        DataError: pairs that are absent or malformed.
        PluginError: a task's code fails, and ``faults`` is off.
    """
    loaded = []
    for task in tasks:
        try:
            data = task.load(source)
            kept = np.array([key not in seen for key in data.keys], bool)
        except AblateError:
            raise
        except FAILURES as error:  # a plug-in's code may raise anything
            fault = f"task '{task.name}' cannot read its pairs: {one_line(error)}{registry.blame(task)}"
            if not faults:
                raise PluginError(fault) from error
            nothing = PairSet(task.name, task.split, source.label, (), (), np.empty(0), ())
            loaded.append(Loaded(task, nothing, np.empty(0, bool), fault))
        else:
            loaded.append(Loaded(task, data, kept))
    return loaded
