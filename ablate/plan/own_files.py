"""Tasks on a user's own files in a recipe: their classes, and that no file both chooses and reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ablate.data.calibration import PositivesFile
from ablate.data.items import ItemSet
from ablate.data.own import OwnFile
from ablate.errors import RecipeError, nearest, suggest
from ablate.plan.placed import placed
from ablate.plugins import Registry
from ablate.recipe.document import Document
from ablate.recipe.recipe import Recipe
from ablate.tasks.base import Task
from ablate.tasks.evaluator import EvaluatorTask, evaluator_task
from ablate.tasks.own import KINDS, OwnTask, own_task


def own_class(registry: Registry, name: str, given: Mapping[str, Any]) -> type[OwnTask] | type[EvaluatorTask] | None:
    """The class of a task on an own file; None if the name is a registered task's, or no known kind is given."""
    registered = any(entry.plugin.name == name for entry in registry.of_kind("task"))
    if registered:
        return None
    if "evaluator" in given:
        return evaluator_task(name, given)
    return own_task(name, given) if given.get("kind") in KINDS else None


def own_classes(recipe: Recipe, document: Document, registry: Registry, groups: Iterable[str]) -> dict[str, type[Task]]:
    """The classes of a recipe's tasks on own files or with own evaluators, by name; parameters are not checked yet.

    Raises:
        RecipeError: an entry of ``tasks`` has a file but no kind, an unknown kind, or a name with another meaning.
    """
    found: dict[str, type[Task]] = {}
    tasks = {entry.plugin.name: entry.plugin for entry in registry.of_kind("task")}
    for name, given in recipe.tasks.items():
        place = document.place(("tasks", name))
        if name in tasks and set(given) >= {"kind", "file"} and not {"kind", "file"} & set(tasks[name].model_fields):
            raise RecipeError(f"{place}: '{name}' is another task's name; give your file one of its own, as my-{name}")
        if name in tasks or not {"kind", "file", "evaluator"} & set(given):
            continue
        if registry.finds(name):
            raise RecipeError(f"{place}: '{name}' is the name of a plug-in's task; give your file one of its own")
        if name in groups:
            raise RecipeError(f"{place}: '{name}' is a group of tasks; give your file another name, such as my-{name}")
        if not name or "@" in name or name != name.strip() or not name.isprintable():
            raise RecipeError(f"{place}: '{name}' cannot name a task; use letters and digits, as in my-pairs")
        if "evaluator" in given:
            found[name] = evaluator_task(name, given)
            continue
        kinds = ", ".join(KINDS)
        if "kind" not in given:
            meant = nearest("kind", set(given) - {"file", "columns", "split", "metric", "sha256"})
            if meant:
                where = document.place(("tasks", name, meant))
                raise RecipeError(f"{where}: task '{name}': unknown parameter '{meant}'; did you mean 'kind'?")
            raise RecipeError(f"{place}: task '{name}' has no 'kind', which says what its file has; add one of {kinds}")
        if given["kind"] not in KINDS:
            kind = str(given["kind"])
            raise RecipeError(
                f"{document.place(('tasks', name, 'kind'))}: task '{name}': '{kind}' is no kind of file; "
                f"{suggest(kind, KINDS)}"
            )
        found[name] = own_task(name, given)
    return found


def calibration_files(recipe: Recipe, own: Collection[str]) -> tuple[str, ...]:
    """The names of the tasks on own files that the calibration set is drawn from."""
    spec = recipe.calibration
    named = (*spec.splits, *(spec.graded if isinstance(spec.graded, dict) else ()))
    return tuple(dict.fromkeys(name for name in named if name in own))


def check_own_files(tasks: Iterable[Task], recipe: Recipe, document: Document) -> None:
    """Refuses rows of a file, or the same items in two files, that report in one place and choose in another.

    Other files may share some items with a test file; these are left out of it when a run is judged.

    Raises:
        RecipeError: with the place of the second.
        DataError: a file is malformed.
    """
    read = []
    for task in tasks:
        if isinstance(task, OwnTask):
            with placed(document, ("tasks", task.name, "file")):
                read.append(_Read(task, task.read(), task.items(), task.others()))
    positives = recipe.calibration.positives
    for test in read:
        task, file = test.task, test.file
        if task.split != "test":
            continue
        if isinstance(positives, PositivesFile) and positives.file.absolute() == file.path.absolute():
            place = document.place(("calibration", "positives", "file"))
            raise RecipeError(
                f"{place}: {positives.file} is the test set of task '{task.name}', which must only report; "
                "calibrate on other pairs"
            )
        for other in read:
            if other.task.split == "test":
                continue
            for used in other.others:
                if not test.items.unseen(used.items.pairs_seen()).any():
                    what = str(file.path) if file.path == used.path else f"{file.path} and {used.path} are one: it"
                    raise RecipeError(
                        f"{document.place(('tasks', task.name))}: {what} is test in task '{task.name}' and fitted on "
                        f"in '{other.task.name}'; what chooses must not report, so split it into two files"
                    )
            if shared := test.shared(other):
                raise RecipeError(
                    f"{document.place(('tasks', task.name))}: {shared} test in task '{task.name}' and "
                    f"{other.task.split} in '{other.task.name}'; what chooses must not report, so "
                    f"{'give both the same part' if task.part or other.task.part else 'divide the file with part'}"
                )


@dataclass(frozen=True)
class _Read:
    """A task, its file, its items of the file, and the further files that it looks at."""

    task: OwnTask
    file: OwnFile
    items: ItemSet
    others: tuple[OwnFile, ...]

    def shared(self, other: _Read) -> str:
        """What both tasks have, up to "test in": rows of one file, or a whole file's items; empty if nothing."""
        one, two = self.file, other.file
        named = str(one.path) if one.path == two.path else f"{one.path} and {two.path} are one: it"
        if one.sha256 == two.sha256:
            rows = int((self.task.rows() & other.task.rows()).sum())
            if rows == len(one.items):
                return f"{named} is"
            return f"{rows:,} of {len(one.items):,} rows of {one.path} are" if rows else ""
        if self.items.hash == other.items.hash:
            return f"{named} is"
        if not self.items.unseen(other.items.pairs_seen()).any():
            return f"every item of {one.path} is also in {two.path}, so that they are"
        return ""
