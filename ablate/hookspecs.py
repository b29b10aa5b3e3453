"""The whole plug-in contract.

A plug-in is an importable module named by an entry point of the group ``ablate``::

    [project.entry-points.ablate]
    wanda = "ablate_wanda"

The module implements any of the hooks below, each decorated with :data:`hookimpl`. ablate passes every hook a
``register`` function, and the hook calls it once for each class, or function, that it adds::

    from ablate.plugin_api import hookimpl

    @hookimpl
    def ablate_register_scorers(register):
        register(Wanda)

ablate's own scorers, granularities, tasks, executors and architectures use the same hooks (``ablate/builtin.py``). A
class is a pydantic model: its fields are the parameters that a recipe may set, and they are checked before any weights
load. A plug-in imports all that it needs from :mod:`ablate.plugin_api`. Its module may state ``ablate_api = 3``, the
version of the contract that it was written for; ablate refuses a plug-in that states another version. Within a kind,
names are unique: if two plug-ins register one name, its use is an error that names both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from ablate.executors.base import Executor
    from ablate.granularities.base import Granularity
    from ablate.models.family import Family
    from ablate.scorers.base import Scorer
    from ablate.tasks.base import Task
    from ablate.tasks.finder import TaskFinder
    from ablate.tasks.scored import ResultWriter

API = 3
"""The version of this contract."""

hookspec = pluggy.HookspecMarker("ablate")
hookimpl = pluggy.HookimplMarker("ablate")


@hookspec
def ablate_register_scorers(register: Callable[[type[Scorer]], None]) -> None:
    """Adds scorers: classes that give every unit a contribution."""


@hookspec
def ablate_register_granularities(register: Callable[[type[Granularity]], None]) -> None:
    """Adds granularities: kinds of unit that are kept or removed as one."""


@hookspec
def ablate_register_tasks(register: Callable[[type[Task]], None]) -> None:
    """Adds tasks: what a masked model is measured on."""


@hookspec
def ablate_register_task_finders(register: Callable[[TaskFinder], None]) -> None:
    """Adds finders of tasks, for tasks that are too many to be registered: a recipe's names find them."""


@hookspec
def ablate_register_result_writers(register: Callable[[ResultWriter], None]) -> None:
    """Adds writers of results: what an export has beside its card, in a format of the plug-in's."""


@hookspec
def ablate_register_executors(register: Callable[[type[Executor]], None]) -> None:
    """Adds executors: where cells are evaluated."""


@hookspec
def ablate_register_architectures(register: Callable[[type[Family]], None]) -> None:
    """Adds architectures: families of models, which say where their heads and neurons are."""
