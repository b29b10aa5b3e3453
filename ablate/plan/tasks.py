"""Makes the tasks of a recipe from their names, with the parameters that the recipe gives, and loads their data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.items import ItemSet, PairKey, Source
from ablate.data.names import GROUPS, KNOWN, plain_name, split_of
from ablate.data.near import near_pairs
from ablate.data.sources import Chosen, expand, group_names, members
from ablate.errors import AblateError, DataError, PluginError, RecipeError, one_line, suggest
from ablate.interrupts import any_failure
from ablate.plan.own_files import calibration_files, check_own_files, own_class, own_classes
from ablate.plugins import Registry
from ablate.recipe.document import Document, Location
from ablate.recipe.explain import check, listed
from ablate.recipe.near_duplicates import IGNORE, NearDuplicates
from ablate.recipe.recipe import Recipe
from ablate.scorers.base import Scorer
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded
from ablate.tasks.own import OwnTask

Parameters = Mapping[str, Mapping[str, Any]]
"""Task -> the parameters that a recipe gives it. A task that is absent has its defaults."""


@dataclass(frozen=True)
class RecipeTasks:
    """Every task of a recipe.

    screen, confirm: in the recipe's order, groups replaced by their members.
    scorers: the tasks behind each name that a scorer gives (``Scorer.tasks``).
    parameters: the parameters that the recipe gives each task.
    notes: what plug-ins say of the names for which they have found tasks, one line each.
    calibrating: the tasks on own files that ``calibration`` names, by name.
    """

    screen: tuple[Task, ...]
    confirm: tuple[Task, ...]
    scorers: Mapping[str, tuple[Task, ...]]
    parameters: Parameters
    notes: tuple[str, ...] = ()
    calibrating: Mapping[str, OwnTask] = field(default_factory=dict)


def resolve_tasks(
    recipe: Recipe, document: Document, chosen: Chosen, registry: Registry, scorers: Mapping[Scorer, Location]
) -> RecipeTasks:
    """Makes the tasks that a recipe and its scorers name.

    Args:
        scorers: where the recipe names each of them.

    Raises:
        RecipeError: a task is unknown, the source lacks a data set, a parameter is wrong, or a scorer names a test set.
            The message has the place.
    """
    own = own_classes(recipe, document, registry, group_names(chosen.source))
    names = _TaskNames(document, chosen, registry, own)
    screen = names.listed(recipe.screen, ("screen",))
    confirm = names.listed(recipe.confirm.tasks if recipe.confirm else [], ("confirm", "tasks"))
    by_scorer = {name: names.of_scorer(name, at) for scorer, at in scorers.items() for name in scorer.tasks()}
    studied = names.listed(recipe.prevalence.confirm or [], ("prevalence", "confirm"))
    calibrating = calibration_files(recipe, own)
    used = (*screen, *confirm, *chain(*by_scorer.values()), *studied, *calibrating)
    parameters = parameters_of(recipe, document, chosen.source, registry, used)
    for name in dict.fromkeys(used):
        # Those of a task that the recipe gives parameters have been checked with them.
        missing = {} if name in parameters else names.task_class(name).missing(())
        if missing:
            raise RecipeError(
                f"{document.place(_place_of(name, recipe))}: task '{name}' has no {listed(missing)}; give it in "
                f"tasks: {{{name}: {{{', '.join(f'{key}: …' for key in missing)}}}}}"
            )
    made = {name: make_task(registry, name, parameters) for name in dict.fromkeys(used)}
    check_own_files(made.values(), recipe, document)
    for name, task in made.items():
        if isinstance(task, OwnTask):
            parameters[name] = task.resolved()
            made[name] = make_task(registry, name, parameters)
    for name in (*screen, *confirm, *studied):
        if name in own and made[name].split == "train":
            raise RecipeError(
                f"{document.place(_place_of(name, recipe))}: '{name}' has split: train, and only calibrates; measure "
                "on a task with split: dev or test"
            )
    return RecipeTasks(
        tuple(made[name] for name in screen),
        tuple(made[name] for name in confirm),
        {name: tuple(made[task] for task in tasks) for name, tasks in by_scorer.items()},
        parameters,
        tuple(names.notes),
        {name: task for name in calibrating if isinstance(task := made[name], OwnTask)},
    )


def _place_of(name: str, recipe: Recipe) -> Location:
    """Where a recipe lists a task; where ``tasks`` is if it is only in a group, or a scorer names it."""
    if name in recipe.screen:
        return "screen", recipe.screen.index(name)
    if recipe.confirm and name in recipe.confirm.tasks:
        return "confirm", "tasks", recipe.confirm.tasks.index(name)
    return ("tasks",)


@dataclass(frozen=True)
class _TaskNames:
    """Replaces the names in a recipe by the names of tasks, and checks that the registry knows them.

    own: the tasks on the user's own files, which the registry does not know.
    notes: of finders, each once.
    """

    document: Document
    chosen: Chosen
    registry: Registry
    own: Mapping[str, type[Task]]
    notes: dict[str, None] = field(default_factory=dict)

    def listed(self, names: Sequence[str], location: Location) -> tuple[str, ...]:
        """A list of the recipe, with groups replaced by their members, and without repetition."""
        tasks: dict[str, None] = {}
        for i, name in enumerate(names):
            try:
                tasks.update(dict.fromkeys(self._members(name, ("geometry",))))
            except (DataError, PluginError) as error:
                raise RecipeError(f"{self.document.place((*location, i))}: {error}") from None
        return tuple(tasks)

    def of_scorer(self, name: str, location: Location) -> tuple[str, ...]:
        """The tasks behind a name that a scorer gives, which must not be of a test split."""
        place = self.document.place(location)
        try:
            tasks = self._members(name)
        except (DataError, PluginError) as error:
            raise RecipeError(f"{place}: a scorer looks at a task: {error}") from None
        for task in tasks:
            if self.task_class(task).split == "test":
                raise RecipeError(
                    f"{place}: a scorer looks at '{task}', a test set, which must not choose; name a dev or train set"
                )
        return tasks

    def _members(self, name: str, also: tuple[str, ...] = ()) -> tuple[str, ...]:
        if found := self.registry.found(name):
            self.notes.update(dict.fromkeys([found.note] if found.note else []))
            return tuple(task.name for task in found.tasks)
        tasks = expand([name], self.chosen.source)
        for task in tasks:
            if task not in self.own:
                self.registry.get("task", task, also=[*also, *self.own, *self.chosen.source.groups()])
        return tasks

    def task_class(self, name: str) -> type[Task]:
        return self.own.get(name) or self.registry.task_class(name)


def check_splits(
    splits: Sequence[str],
    chosen: Chosen,
    document: Document,
    location: Location,
    own: Mapping[str, OwnTask] = MappingProxyType({}),
) -> None:
    """Refuses splits for calibration or training that are unknown, not in the source, or of a test set.

    Args:
        own: tasks on own files that may be named too.

    Raises:
        RecipeError: a split is refused. The message has its place.
    """
    for i, name in enumerate(splits):
        place = document.place((*location, i))
        try:
            data_sets = expand([name], chosen.source)
        except DataError as error:
            raise RecipeError(f"{place}: {error}") from None
        for data_set in data_sets:
            if data_set not in KNOWN and data_set not in own:
                known = (*KNOWN, *GROUPS, *own)
                raise RecipeError(f"{place}: unknown data set '{data_set}'; {suggest(data_set, known)}")
            if (own[data_set].split if data_set in own else split_of(data_set)) == "test":
                raise RecipeError(f"{place}: '{data_set}' is a test set, which must only report; name a train set")


def parameters_of(
    recipe: Recipe, document: Document, source: Source, registry: Registry, used: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """The parameters that ``recipe.tasks`` gives each task in use. A task's own entry overrides that of its group.

    Raises:
        RecipeError: an entry is not for a task in use, a parameter is unknown, or a value is wrong. The message has the
            place.
    """
    tasks, given = tuple(used), dict[str, dict[str, Any]]()
    entries = {name: [task for task in tasks if task in _members(name, source, registry)] for name in recipe.tasks}
    # Groups first (False sorts before True), so that the entries of single tasks override them.
    for name in sorted(entries, key=tasks.__contains__):
        if not entries[name]:
            place = document.place(("tasks", name))
            raise RecipeError(f"{place}: '{name}' is not one of the recipe's tasks; {suggest(name, tasks)}")
        for task in entries[name]:
            given[task] = {**given.get(task, {}), **recipe.tasks[name]}
    for name, members_in_use in entries.items():
        for task in members_in_use:
            kind = own_class(registry, task, given[task]) or registry.task_class(task)
            check(kind, given[task], document, ("tasks", name), f"task '{task}'")
    return given


def _members(name: str, source: Source, registry: Registry) -> tuple[str, ...]:
    """The tasks of a group of ablate's or of a plug-in; another name is its own only member."""
    found = registry.found(name)
    return tuple(task.name for task in found.tasks) if found else members(name, source)


def make_task(registry: Registry, name: str, parameters: Parameters) -> Task:
    """The task of this name, with or without a dimension.

    Raises:
        PluginError: there is no such task.
    """
    name = plain_name(name)
    given = parameters.get(name, {})
    return (own_class(registry, name, given) or registry.task_class(name))(**given)


def load_tasks(
    tasks: Iterable[Task],
    source: Source,
    registry: Registry,
    seen: frozenset[PairKey] = frozenset(),
    faults: bool = False,
    near: NearDuplicates = IGNORE,
) -> list[Loaded]:
    """Reads the tasks' items, and marks those that have not been seen.

    Args:
        seen: the pairs that calibration, training or choice has looked at.
        faults: return a task whose code fails with its fault and without items, so that the other tasks can go on.
        near: what happens to items that are near to seen pairs.

    Raises:
        DataError: items are absent or malformed.
        PluginError: a task's code fails, and ``faults`` is False.
    """
    loaded = []
    for task in tasks:
        try:
            data = task.load(source)
            kept = data.unseen(seen)
            alike = kept & _near(data, seen, near) if near.action != "ignore" else None
        except AblateError:  # a mistake that the user can correct, such as a missing file, ends the run
            raise
        except any_failure() as error:  # a plug-in's code may raise anything
            fault = f"task '{task.name}' cannot read its items: {one_line(error)}{registry.blame(task)}"
            if not faults:
                raise PluginError(fault) from error
            nothing = ItemSet(task.name, task.split, source.label, (), np.empty(0), ())
            loaded.append(Loaded(task, nothing, np.empty(0, bool), fault))
        else:
            count = None if alike is None else int(alike.sum())
            kept = kept if alike is None or near.action != "drop" else kept & ~alike
            loaded.append(Loaded(task, data, kept, near=count))
    return loaded


def _near(data: ItemSet, seen: frozenset[PairKey], near: NearDuplicates) -> NDArray[np.bool_]:
    return np.array([pair is not None for pair in near_pairs(data, seen, near.similarity)], np.bool_)
