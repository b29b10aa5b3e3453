"""The whole plug-in contract.

A plug-in is an importable module named by an entry point of the group ``ablate``::

    [project.entry-points.ablate]
    wanda = "ablate_wanda"

The module implements any of the hooks below, each decorated with :data:`hookimpl`. Every hook is handed a
``register`` function, and calls it once for each class that it adds::

    from ablate.plugin_api import hookimpl

    @hookimpl
    def ablate_register_scorers(register):
        register(Wanda)

ablate's own scorers, granularities, tasks and executors come in through these same hooks (``ablate/builtin.py``).
A class is a pydantic model: its fields are the parameters that a recipe may give, checked before any weights load.
All that a plug-in needs is imported from :mod:`ablate.plugin_api`. A module may state ``ablate_api = 2``, the version
of the contract that it was written for; another version is refused by name. Names are unique over all plug-ins: two of
one name is an error that names both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from ablate.executors.base import Executor
    from ablate.granularities.base import Granularity
    from ablate.scorers.base import Scorer
    from ablate.tasks.base import Task

API = 2
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
def ablate_register_executors(register: Callable[[type[Executor]], None]) -> None:
    """Adds executors: where cells are evaluated."""
