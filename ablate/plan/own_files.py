"""Tasks on a user's own files in a recipe: their classes, and that no file both chooses and reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ablate.data.calibration import PositivesFile
from ablate.errors import RecipeError, nearest, suggest
from ablate.plan.placed import placed
from ablate.plugins import Registry
from ablate.recipe.document import Document
from ablate.recipe.recipe import Recipe
from ablate.tasks.base import Task
from ablate.tasks.own import KINDS, OwnTask, own_task


def own_class(registry: Registry, name: str, given: Mapping[str, Any]) -> type[OwnTask] | None:
    """The class of a task on an own file; None if the name is a registered task's, or no known kind is given."""
    registered = any(entry.plugin.name == name for entry in registry.of_kind("task"))
    return None if registered or given.get("kind") not in KINDS else own_task(name, given)


def own_classes(
    recipe: Recipe, document: Document, registry: Registry, groups: Iterable[str]
) -> dict[str, type[OwnTask]]:
    """The classes of a recipe's tasks on own files, by name. Their parameters are not checked yet.

    Raises:
        RecipeError: an entry of ``tasks`` has a file but no kind, an unknown kind, or a name with another meaning.
    """
    found: dict[str, type[OwnTask]] = {}
    tasks = {entry.plugin.name: entry.plugin for entry in registry.of_kind("task")}
    for name, given in recipe.tasks.items():
        place = document.place(("tasks", name))
        if name in tasks and set(given) >= {"kind", "file"} and not {"kind", "file"} & set(tasks[name].model_fields):
            raise RecipeError(f"{place}: '{name}' is another task's name; give your file one of its own, as my-{name}")
        if name in tasks or not {"kind", "file"} & set(given):
            continue
        if name in groups:
            raise RecipeError(f"{place}: '{name}' is a group of tasks; give your file another name, such as my-{name}")
        if not name or "@" in name or name != name.strip() or not name.isprintable():
            raise RecipeError(f"{place}: '{name}' cannot name a task; use letters and digits, as in my-pairs")
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


def check_own_files(tasks: Iterable[Task], recipe: Recipe, document: Document) -> None:
    """Refuses a file, or the same items in two files, that reports in one place and chooses in another.

    Raises:
        RecipeError: with the place of the second.
        DataError: a file is malformed.
    """
    read = []
    for task in tasks:
        if isinstance(task, OwnTask):
            with placed(document, ("tasks", task.name, "file")):
                read.append((task, task.read()))
    positives = recipe.calibration.positives
    for task, file in read:
        if task.split != "test":
            continue
        if isinstance(positives, PositivesFile) and positives.file.absolute() == file.path.absolute():
            place = document.place(("calibration", "positives", "file"))
            raise RecipeError(
                f"{place}: {positives.file} is the test set of task '{task.name}', which must only report; "
                "calibrate on other pairs"
            )
        for other, its_file in read:
            same = file.sha256 == its_file.sha256 or file.items.hash == its_file.items.hash
            if other.split == "test" or not same:
                continue
            what = str(file.path) if file.path == its_file.path else f"{file.path} and {its_file.path} are one: it"
            raise RecipeError(
                f"{document.place(('tasks', task.name))}: {what} is test in task '{task.name}' and dev in "
                f"'{other.name}'; what chooses must not report, so split it into two files"
            )
