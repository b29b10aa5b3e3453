"""Finds tasks by name, for plug-ins that have more of them than they can register."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ablate.tasks.base import Task


@dataclass(frozen=True)
class Found:
    """What a name stands for.

    tasks: the class of one task, or those of the members of a group; at least one. The finder finds each of them by its
        own ``name`` too, and then gives this one class, the same object each time.
    note: what the user should know, in one line, such as members that are left out; usually empty.
    """

    tasks: tuple[type[Task], ...]
    note: str = ""


@dataclass(frozen=True)
class TaskFinder:
    """Finds the tasks whose names start with ``prefix`` and a colon.

    prefix: such as ``mteb``, of which the names are ``mteb:NAME``.
    help: one line for ``ablate list``.
    find: from a whole name to what it stands for; it is called only for names with the prefix, once for each in a
        process. It raises PluginError, with what to do, for a name that it does not know or refuses.
    """

    prefix: str
    help: str
    find: Callable[[str], Found]
