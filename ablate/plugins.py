"""Loads, blocks and lists plug-ins; gives a class for a name."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TYPE_CHECKING, cast

import pluggy

from ablate import hookspecs
from ablate.distribution import OURS
from ablate.errors import FAILURES, PluginError, one_line, suggest
from ablate.plugin import Plugin

if TYPE_CHECKING:
    from ablate.scorers.base import Scorer

DISABLE = "ABLATE_DISABLE_PLUGINS"
_UPDATE = f"import what it uses from ablate.plugin_api, then state ablate_api = {hookspecs.API}"
KINDS = ("scorer", "granularity", "task", "executor")
_HOOKS = dict(zip(KINDS, ("scorers", "granularities", "tasks", "executors"), strict=True))


@dataclass(frozen=True)
class Entry:
    """A registered class and the distribution (``name version``) that it came from."""

    kind: str
    plugin: type[Plugin]
    origin: str

    @property
    def ours(self) -> bool:
        """Whether it is ablate's own."""
        return self.origin.split()[0] == OURS

    @property
    def whose(self) -> str:
        """The origin, as people are told it."""
        return "built in" if self.ours else self.origin


@dataclass(frozen=True)
class Installed:
    """An entry point, and the distribution (``name version``) that has it.

    ours: it is ablate's own. blocked: ABLATE_DISABLE_PLUGINS leaves it out.
    """

    point: EntryPoint
    origin: str
    ours: bool
    blocked: bool


@dataclass(frozen=True)
class Broken:
    """A plug-in that could not be loaded, and why, in one line."""

    origin: str
    reason: str

    def __str__(self) -> str:
        return f"plug-in {self.origin} could not be loaded: {self.reason}"


@dataclass
class Registry:
    """Every plug-in class by kind and name, in order of registration."""

    entries: list[Entry] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)

    def of(self, kind: str) -> Iterator[Entry]:
        """The entries of one of :data:`KINDS`."""
        return (e for e in self.entries if e.kind == kind)

    @property
    def lost(self) -> str:
        """Ends an error about a name: the plug-ins that might have had it."""
        return "".join(f"; {broken}" for broken in self.broken)

    def get(self, kind: str, name: str, also: Iterable[str] = ()) -> type[Plugin]:
        """The class of that name.

        Args:
            also: names that would be as good here, for the suggestion.

        Raises:
            PluginError: there is none (with the nearest name), or there are two (with both distributions).
        """
        found = [e for e in self.of(kind) if e.plugin.name == name]
        if not found:
            names = {*also, *(e.plugin.name for e in self.of(kind))}
            raise PluginError(f"unknown {kind} '{name}'; {suggest(name, names)}{self.lost}")
        if len(found) > 1:
            raise PluginError(_taken(found))
        return found[0].plugin

    def scorer(self, name: str) -> Scorer:
        """The scorer of that name, with its defaults.

        Raises:
            PluginError: as :meth:`get` does.
        """
        # What is registered as a scorer is a subclass of Scorer: `load` sees to that.
        return cast("Scorer", self.get("scorer", name)())

    def faults(self) -> list[str]:
        """What is wrong with plug-ins, one line each: those that could not be loaded, and names that stand twice."""
        return [*map(str, self.broken), *self.taken().values()]

    def taken(self) -> dict[tuple[str, str], str]:
        """Kind and name that several register -> what is wrong and what to do."""
        same: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
        for entry in self.entries:
            same[entry.kind, entry.plugin.name].append(entry)
        return {place: _taken(entries) for place, entries in same.items() if len(entries) > 1}

    def blame(self, *plugins: Plugin) -> str:
        """Ends what is said of an error: the distributions but ablate (``name version``) that these come from."""
        classes = {type(plugin) for plugin in plugins}
        found = (e.origin for e in self.entries if e.plugin in classes and not e.ours)
        strangers = tuple(dict.fromkeys(found))
        return f" (plug-in {', '.join(strangers)})" if strangers else ""


def _taken(entries: Sequence[Entry]) -> str:
    both = " and ".join(entry.origin for entry in entries)
    return (
        f"{entries[0].kind} '{entries[0].plugin.name}' is registered by {both}; uninstall one, or block it with "
        f"{DISABLE} or --no-plugins"
    )


def named(registry: Registry, name: str, kind: str | None = None) -> Entry:
    """The entry of that name, of whatever kind unless one is given.

    Raises:
        PluginError: there is none (with the nearest name), there are two, or there is one of several kinds.
    """
    kinds = [kind] if kind else [k for k in KINDS if any(e.plugin.name == name for e in registry.of(k))]
    if not kinds:
        raise PluginError(
            f"unknown plug-in '{name}'; {suggest(name, {e.plugin.name for e in registry.entries})}{registry.lost}"
        )
    if len(kinds) > 1:
        raise PluginError(f"'{name}' is a {' and a '.join(kinds)}; say which with --kind")
    plugin = registry.get(kinds[0], name)
    return next(e for e in registry.of(kinds[0]) if e.plugin is plugin)


@cache
def registry() -> Registry:
    """Imports the plug-ins of this environment, once a process.

    ``ABLATE_DISABLE_PLUGINS`` holds comma-separated distribution or entry-point names to leave out, or ``all``
    for every one but ablate's own.
    """
    found = Registry()
    for installed in installations():
        if installed.blocked:
            continue
        try:
            # What a plug-in prints is none of our output.
            with redirect_stdout(sys.stderr):
                found.entries.extend(load(installed.point, installed.origin))
        except FAILURES as error:  # a stranger's module may raise anything; it must not stop the CLI
            if installed.ours:
                raise
            found.broken.append(Broken(installed.origin, one_line(error)))
    return found


def installations() -> list[Installed]:
    """The plug-ins of this environment, from metadata alone: none is imported."""
    blocked = {n.strip() for n in os.environ.get(DISABLE, "").split(",")}
    found = []
    for point in entry_points(group="ablate"):
        distribution = point.dist.name if point.dist else point.module
        origin = f"{distribution} {point.dist.version}" if point.dist else distribution
        ours = distribution == OURS
        out = not ours and bool(blocked & {"all", distribution, point.name})
        found.append(Installed(point, origin, ours, out))
    return found


def load(point: EntryPoint, origin: str) -> list[Entry]:
    """Imports one plug-in and collects what its hooks register, all of it or (if it raises) nothing.

    Raises:
        PluginError: it was written for another version of the contract, or registers a class of another kind.
        Exception: whatever the plug-in itself raises.
    """
    module = _imported(point)
    wants = getattr(module, "ablate_api", hookspecs.API)
    if wants != hookspecs.API:
        newer = isinstance(wants, int) and wants > hookspecs.API
        remedy = f"install an ablate that has API {wants}" if newer else _UPDATE
        raise PluginError(f"written for plug-in API {wants}, and this ablate has API {hookspecs.API}: {remedy}")
    manager = pluggy.PluginManager("ablate")
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    manager.check_pending()
    entries: list[Entry] = []
    for kind, hook in _HOOKS.items():
        base = _base(kind)

        def register(plugin: type[Plugin], kind: str = kind, base: type[Plugin] = base) -> None:
            if not (isinstance(plugin, type) and issubclass(plugin, base)):
                raise PluginError(f"registers {plugin!r} as a {kind}, which is no subclass of {base.__name__}")
            for attribute in ("name", "help"):
                if not isinstance(getattr(plugin, attribute, None), str):
                    raise PluginError(f"{kind} {plugin.__name__} has no {attribute}: str")
            entries.append(Entry(kind, plugin, origin))

        getattr(manager.hook, f"ablate_register_{hook}")(register=register)
    return entries


def _imported(point: EntryPoint) -> ModuleType:
    """The plug-in's module.

    Raises:
        PluginError: it imports a name that ablate does not have, or has no more.
        Exception: whatever else the module raises.
    """
    try:
        return cast("ModuleType", point.load())
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "ablate":
            raise
        raise PluginError(f"{error.msg}, which plug-in API {hookspecs.API} does not have: {_UPDATE}") from error


def _base(kind: str) -> type[Plugin]:
    from ablate.executors.base import Executor
    from ablate.granularities.base import Granularity
    from ablate.scorers.base import Scorer
    from ablate.tasks.base import Task

    bases: dict[str, type[Plugin]] = {
        "scorer": Scorer,
        "granularity": Granularity,
        "task": Task,
        "executor": Executor,
    }
    return bases[kind]
