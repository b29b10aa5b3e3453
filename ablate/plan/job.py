"""A recipe made ready: all of it checked that can be checked before weights load."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from ablate.data.names import GROUPS, KNOWN, split_of
from ablate.data.sources import Chosen, expand, resolve
from ablate.errors import DataError, PluginError, RecipeError, suggest
from ablate.plan.make_plan import make_plan
from ablate.plan.plan import Plan
from ablate.plan.tasks import Parameters, load_tasks, parameters_of
from ablate.plan.training_texts import Texts
from ablate.plugins import Registry, registry
from ablate.recipe.document import Document, Location
from ablate.recipe.recipe import Recipe
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded


@dataclass(frozen=True)
class Job:
    """The plan, where its data come from, and its tasks with groups replaced by their members.

    scorer_tasks: the tasks behind each name that a scorer gives.
    parameters: what the recipe gives each task.
    texts: what cells are trained on; None where none is trained.
    """

    plan: Plan
    chosen: Chosen
    screen: tuple[str, ...]
    confirm: tuple[str, ...]
    registry: Registry
    scorer_tasks: Mapping[str, tuple[str, ...]]
    parameters: Parameters
    texts: Texts | None = None

    @property
    def recipe(self) -> Recipe:
        return self.plan.recipe

    def split(self, task: str) -> str:
        """``train``, ``dev`` or ``test``."""
        found = self.registry.get("task", task)
        assert issubclass(found, Task)
        return found.split

    def chooses(self, task: str) -> bool:
        """Whether a screen task has a say in which cells are confirmed."""
        found = self.registry.get("task", task)
        assert issubclass(found, Task)
        return found.chooses

    def load(
        self, names: Iterable[str], seen: frozenset[tuple[str, str]] = frozenset(), *, faults: bool = False
    ) -> list[Loaded]:
        """Reads tasks, and marks the pairs that nobody has seen; see :func:`load_tasks`."""
        return load_tasks(names, self.chosen.source, self.registry, self.parameters, seen, faults)


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
    confirms = recipe.confirm.tasks if recipe.confirm else []
    screen = _tasks(recipe.screen, chosen, plugins, document, ("screen",))
    confirm = _tasks(confirms, chosen, plugins, document, ("confirm", "tasks"))
    if any(scorer.calibrates for scorer in plan.scorers):
        check_splits(recipe.calibration.splits, chosen, document, ("calibration", "splits"))
    _check_margins(recipe, (*screen, *confirm), document)
    scorer_tasks = {name: _dev_tasks(name, chosen, plugins) for scorer in plan.scorers for name in scorer.tasks()}
    studied = _tasks(recipe.prevalence.confirm or [], chosen, plugins, document, ("prevalence", "confirm"))
    used = (*screen, *confirm, *chain(*scorer_tasks.values()), *studied)
    parameters = parameters_of(recipe, document, chosen.source, plugins, used)
    job = Job(plan, chosen, screen, confirm, plugins, scorer_tasks, parameters)
    if plan.grid and recipe.confirm and recipe.confirm.cells == "best" and not any(map(job.chooses, screen)):
        raise RecipeError(
            f"{document.place(('screen',))}: {', '.join(screen)} report and do not choose, and cells are to be chosen "
            "on screen tasks; add a task such as sts-dev, or confirm {tasks: [...], cells: all}"
        )
    # A broken file is better known before the model is loaded. Test sets wait until their reading is logged.
    early = [name for name in screen if job.split(name) != "test"]
    job.load(early, faults=True)
    job.load(chain(*scorer_tasks.values()))
    return job


def _check_margins(recipe: Recipe, tasks: Sequence[str], document: Document) -> None:
    for name in recipe.statistics.margins:
        if name not in tasks:
            place = document.place(("statistics", "margins", name))
            raise RecipeError(f"{place}: '{name}' is none of the recipe's tasks; {suggest(name, tasks)}")


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


def check_splits(splits: Sequence[str], chosen: Chosen, document: Document, location: Location) -> None:
    """What calibration or training draws from is read later; here it is seen to be there, and of no test split."""
    for i, name in enumerate(splits):
        place = document.place((*location, i))
        try:
            members = expand([name], chosen.source)
        except DataError as error:
            raise RecipeError(f"{place}: {error}") from None
        for member in members:
            if member not in KNOWN:
                raise RecipeError(f"{place}: unknown data set '{member}'; {suggest(member, (*KNOWN, *GROUPS))}")
            if split_of(member) == "test":
                raise RecipeError(f"{place}: '{member}' is a test set, which must only report; name a train set")


def _dev_tasks(name: str, chosen: Chosen, plugins: Registry) -> tuple[str, ...]:
    """The tasks behind a name that a scorer gives; never of a test split."""
    try:
        members = expand([name], chosen.source)
        found = [plugins.get("task", member, also=chosen.source.groups()) for member in members]
    except (DataError, PluginError) as error:
        raise RecipeError(f"a scorer looks at a task: {error}") from None
    for member, task in zip(members, found, strict=True):
        if issubclass(task, Task) and task.split == "test":
            raise RecipeError(
                f"a scorer looks at '{member}', a test set, which must not choose; name a dev or train set"
            )
    return members


def _tasks(
    names: list[str], chosen: Chosen, plugins: Registry, document: Document, location: Location
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for i, name in enumerate(names):
        try:
            members = expand([name], chosen.source)
            for member in members:
                plugins.get("task", member, also=["geometry", *chosen.source.groups()])
        except (DataError, PluginError) as error:
            raise RecipeError(f"{document.place((*location, i))}: {error}") from None
        found.update(dict.fromkeys(members))
    return tuple(found)
