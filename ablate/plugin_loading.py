"""Lists the installed plug-ins, and imports one of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, cast

import pluggy

from ablate import hookspecs
from ablate.distribution import DISTRIBUTION
from ablate.errors import PluginError
from ablate.plugin import Plugin
from ablate.tasks.finder import TaskFinder
from ablate.tasks.scored import ResultWriter

DISABLE = "ABLATE_DISABLE_PLUGINS"
"""The environment variable that excludes plug-ins.

Its value is a list of distributions or entry points, separated by commas, or ``all``. ablate's own plug-in is never
excluded.
"""

HOOKS = {
    "scorer": "ablate_register_scorers",
    "granularity": "ablate_register_granularities",
    "task": "ablate_register_tasks",
    "executor": "ablate_register_executors",
    "architecture": "ablate_register_architectures",
}
"""Kind of plug-in -> the hook that registers plug-ins of this kind."""

_UPDATE = f"import what it uses from ablate.plugin_api, then state ablate_api = {hookspecs.API}"


@dataclass(frozen=True)
class Installed:
    """An installed plug-in, known from its metadata alone.

    entry_point: names the plug-in's module.
    origin: the distribution that has the entry point, as ``name version``.
    built_in: whether that is ablate itself.
    blocked: whether ``ABLATE_DISABLE_PLUGINS`` excludes it.
    """

    entry_point: EntryPoint
    origin: str
    built_in: bool
    blocked: bool


@dataclass(frozen=True)
class Provided:
    """What a plug-in registers.

    classes: kind of plug-in -> its classes.
    finders: of tasks. writers: of results.
    """

    classes: dict[str, list[type[Plugin]]]
    finders: list[TaskFinder]
    writers: list[ResultWriter]


def installations() -> list[Installed]:
    """The plug-ins of this environment. None is imported: the list comes from metadata."""
    excluded = {name.strip() for name in os.environ.get(DISABLE, "").split(",")}
    plugins = []
    for entry_point in entry_points(group="ablate"):
        distribution = entry_point.dist.name if entry_point.dist else entry_point.module
        origin = f"{distribution} {entry_point.dist.version}" if entry_point.dist else distribution
        built_in = distribution == DISTRIBUTION
        blocked = not built_in and bool(excluded & {"all", distribution, entry_point.name})
        plugins.append(Installed(entry_point, origin, built_in, blocked))
    return plugins


def load(entry_point: EntryPoint) -> Provided:
    """Imports a plug-in.

    Raises:
        PluginError: the plug-in was written for another version of the contract, or it registers something that is not
            a class of the hook's kind, or no finder or writer where it should be one.
        Exception: whatever the plug-in's own code raises.
    """
    module = _import_module(entry_point)
    stated = getattr(module, "ablate_api", hookspecs.API)
    if stated != hookspecs.API:
        newer = isinstance(stated, int) and stated > hookspecs.API
        remedy = f"install an ablate that has API {stated}" if newer else _UPDATE
        raise PluginError(f"written for plug-in API {stated}, and this ablate has API {hookspecs.API}: {remedy}")
    # A manager for each plug-in: if this one fails, nothing of it stays registered.
    manager = pluggy.PluginManager("ablate")
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    # A misspelled hook is an error. Otherwise it would never be called.
    manager.check_pending()
    classes: dict[str, list[type[Plugin]]] = {kind: [] for kind in HOOKS}
    for kind, hook in HOOKS.items():
        getattr(manager.hook, hook)(register=_register_into(classes[kind], kind))
    finders: list[TaskFinder] = []
    manager.hook.ablate_register_task_finders(register=_register_finder_into(finders))
    writers: list[ResultWriter] = []
    manager.hook.ablate_register_result_writers(register=_register_writer_into(writers))
    return Provided(classes, finders, writers)


def _import_module(entry_point: EntryPoint) -> ModuleType:
    """The plug-in's module.

    Raises:
        PluginError: the module imports a name that ablate does not have, or no longer has.
        Exception: whatever else the module raises.
    """
    try:
        return cast("ModuleType", entry_point.load())
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "ablate":
            raise
        remedy = _UPDATE
        if error.name == "ablate.plugin_api":
            remedy = "docs/reference.md lists the names that it has"
        raise PluginError(f"{error.msg}, which plug-in API {hookspecs.API} does not have: {remedy}") from error


def _register_into(classes: list[type[Plugin]], kind: str) -> Callable[[Any], None]:
    """The ``register`` function of a hook: checks that it is given a class of this kind, and appends it."""
    base = _base_class(kind)

    def register(plugin: Any) -> None:
        if not (isinstance(plugin, type) and issubclass(plugin, base)):
            raise PluginError(f"registers {plugin!r} as a {kind}, but it is not a subclass of {base.__name__}")
        for attribute in ("name", "help"):
            if not isinstance(getattr(plugin, attribute, None), str):
                raise PluginError(f"{kind} {plugin.__name__} has no {attribute}; give it a class variable of type str")
        classes.append(plugin)

    return register


def _register_finder_into(finders: list[TaskFinder]) -> Callable[[Any], None]:
    def register(finder: Any) -> None:
        if not isinstance(finder, TaskFinder):
            raise PluginError(f"registers {finder!r} as a finder of tasks, but it is not a TaskFinder")
        if not finder.prefix or not finder.prefix.isprintable() or set(finder.prefix) & set(":@, "):
            raise PluginError(f"registers a finder of tasks with the prefix {finder.prefix!r}; use letters and digits")
        finders.append(finder)

    return register


def _register_writer_into(writers: list[ResultWriter]) -> Callable[[Any], None]:
    def register(writer: Any) -> None:
        if not callable(writer):
            raise PluginError(f"registers {writer!r} as a writer of results, but it is no function")
        writers.append(writer)

    return register


def _base_class(kind: str) -> type[Plugin]:
    # Imported here because the base classes import torch, and `ablate --help` must not.
    from ablate.executors.base import Executor
    from ablate.granularities.base import Granularity
    from ablate.models.family import Family
    from ablate.scorers.base import Scorer
    from ablate.tasks.base import Task

    bases: dict[str, type[Plugin]] = {
        "scorer": Scorer,
        "granularity": Granularity,
        "task": Task,
        "executor": Executor,
        "architecture": Family,
    }
    return bases[kind]
