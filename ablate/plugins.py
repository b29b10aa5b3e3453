"""The registry of plug-ins, which finds a class by its kind and name."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, cast

from ablate.distribution import DISTRIBUTION
from ablate.errors import PluginError, one_line, suggest
from ablate.interrupts import any_failure, interruptible
from ablate.plugin import Plugin
from ablate.plugin_loading import DISABLE, HOOKS, installations, load
from ablate.surroundings import restored

if TYPE_CHECKING:
    from ablate.executors.base import Executor
    from ablate.granularities.base import Granularity
    from ablate.models.family import Family
    from ablate.scorers.base import Scorer
    from ablate.tasks.base import Task
    from ablate.tasks.finder import Found, TaskFinder
    from ablate.tasks.scored import ResultWriter

KINDS = tuple(HOOKS)
"""The kinds of plug-in: ``scorer``, ``granularity``, ``task``, ``executor`` and ``architecture``."""


@dataclass(frozen=True)
class Entry:
    """A registered class.

    kind: one of :data:`KINDS`.
    origin: the distribution that registered it, as ``name version``.
    """

    kind: str
    plugin: type[Plugin]
    origin: str

    @property
    def built_in(self) -> bool:
        """Whether ablate itself registered it."""
        return self.origin.split()[0] == DISTRIBUTION

    @property
    def shown_origin(self) -> str:
        """The origin as ``ablate list`` shows it."""
        return "built in" if self.built_in else self.origin


@dataclass(frozen=True)
class FinderEntry:
    """A registered finder of tasks, and the distribution that registered it."""

    finder: TaskFinder
    origin: str


@dataclass(frozen=True)
class WriterEntry:
    """A registered writer of results, and the distribution that registered it."""

    writer: ResultWriter
    origin: str


@dataclass(frozen=True)
class Broken:
    """A plug-in that could not be loaded, and the reason as one line."""

    origin: str
    reason: str

    def __str__(self) -> str:
        return f"plug-in {self.origin} could not be loaded: {self.reason}"


@dataclass
class Registry:
    """The plug-in classes and finders in order of registration, and the plug-ins that could not be loaded."""

    entries: list[Entry] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    finders: list[FinderEntry] = field(default_factory=list)
    writers: list[WriterEntry] = field(default_factory=list)
    _found: dict[str, tuple[Found, str]] = field(default_factory=dict)  # name -> what it stands for, and the origin

    def of_kind(self, kind: str) -> Iterator[Entry]:
        """The entries of one of :data:`KINDS`."""
        return (entry for entry in self.entries if entry.kind == kind)

    @property
    def broken_suffix(self) -> str:
        """The end of an error about an unknown name: lists the broken plug-ins, since one of them may define it."""
        return "".join(f"; {broken}" for broken in self.broken)

    def get(self, kind: str, name: str, also: Iterable[str] = ()) -> type[Plugin]:
        """The class of this kind and name.

        Args:
            also: further names that are valid where this one was given. They are used only for the suggestion.

        Raises:
            PluginError: there is no such class (the message suggests the closest name), or there are two (it names both
                distributions).
        """
        matches = [entry for entry in self.of_kind(kind) if entry.plugin.name == name]
        if not matches and kind == "task" and (found := self.found(name)):
            matches = [self.only(name, found)]
        if not matches:
            names = {*also, *(entry.plugin.name for entry in self.of_kind(kind))}
            raise PluginError(f"unknown {kind} '{name}'; {suggest(name, names)}{self.broken_suffix}")
        if len(matches) > 1:
            raise PluginError(_duplicate_message(matches))
        return matches[0].plugin

    def finds(self, name: str) -> bool:
        """Whether the name has the prefix of a finder of tasks."""
        prefix, colon, _ = name.partition(":")
        return bool(colon) and any(entry.finder.prefix == prefix for entry in self.finders)

    def found(self, name: str) -> Found | None:
        """The tasks that a plug-in finds for a name; None if no finder has its prefix.

        Raises:
            PluginError: the plug-in refuses the name, its code fails, or two plug-ins have finders of this prefix.
        """
        if not self.finds(name):
            return None
        if name not in self._found:
            prefix = name.partition(":")[0]
            entries = [entry for entry in self.finders if entry.finder.prefix == prefix]
            if len(entries) > 1:
                raise PluginError(_duplicate_finders(entries))
            self._found[name] = find(entries[0], name), entries[0].origin
        return self._found[name][0]

    def only(self, name: str, found: Found) -> Entry:
        """The entry of a name that stands for one task.

        Raises:
            PluginError: it stands for several, or for one of another name.
        """
        if [task.name for task in found.tasks] != [name]:
            first, count = found.tasks[0].name, len(found.tasks)
            what = f"stands for {count} tasks; name one" if count > 1 else "stands for another"
            raise PluginError(f"'{name}' {what}, such as '{first}'")
        return Entry("task", found.tasks[0], self._found[name][1])

    # The casts below are safe: `plugin_loading.load` refuses a class that is not a subclass of its kind's base class.

    def scorer_class(self, name: str) -> type[Scorer]:
        """The scorer class of this name. Raises as :meth:`get` does."""
        return cast("type[Scorer]", self.get("scorer", name))

    def granularity_class(self, name: str) -> type[Granularity]:
        """The granularity class of this name. Raises as :meth:`get` does."""
        return cast("type[Granularity]", self.get("granularity", name))

    def task_class(self, name: str) -> type[Task]:
        """The task class of this name. Raises as :meth:`get` does."""
        return cast("type[Task]", self.get("task", name))

    def executor_class(self, name: str) -> type[Executor]:
        """The executor class of this name. Raises as :meth:`get` does."""
        return cast("type[Executor]", self.get("executor", name))

    def architectures(self) -> list[str]:
        """The names of the families of models, each once."""
        return list(dict.fromkeys(entry.plugin.name for entry in self.of_kind("architecture")))

    def architecture(self, name: str) -> Family:
        """The family of this name. Raises as :meth:`get` does."""
        return cast("type[Family]", self.get("architecture", name))()

    def scorer(self, name: str) -> Scorer:
        """The scorer of this name, with its default parameters. Raises as :meth:`get` does."""
        return self.scorer_class(name)()

    def faults(self) -> list[str]:
        """What is wrong with the installed plug-ins, one line for each broken plug-in and each duplicate name."""
        by_prefix: defaultdict[str, list[FinderEntry]] = defaultdict(list)
        for entry in self.finders:
            by_prefix[entry.finder.prefix].append(entry)
        twice = [_duplicate_finders(entries) for entries in by_prefix.values() if len(entries) > 1]
        return [*map(str, self.broken), *self.duplicates().values(), *twice]

    def duplicates(self) -> dict[tuple[str, str], str]:
        """(kind, name) that several plug-ins register -> the message about it."""
        by_name: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
        for entry in self.entries:
            by_name[entry.kind, entry.plugin.name].append(entry)
        return {key: _duplicate_message(entries) for key, entries in by_name.items() if len(entries) > 1}

    def blame(self, *plugins: Plugin) -> str:
        """The end of an error message: names the distributions of these plug-ins; empty if all are built in."""
        classes = {type(plugin) for plugin in plugins}
        origins = [entry.origin for entry in self.entries if entry.plugin in classes and not entry.built_in]
        origins += [origin for found, origin in self._found.values() if not classes.isdisjoint(found.tasks)]
        third_parties = tuple(dict.fromkeys(origins))
        return f" (plug-in {', '.join(third_parties)})" if third_parties else ""


def _duplicate_message(entries: Sequence[Entry]) -> str:
    origins = " and ".join(entry.origin for entry in entries)
    return (
        f"{entries[0].kind} '{entries[0].plugin.name}' is registered by {origins}; uninstall one, or block it with "
        f"{DISABLE}"
    )


def _duplicate_finders(entries: Sequence[FinderEntry]) -> str:
    origins = " and ".join(entry.origin for entry in entries)
    return (
        f"tasks named '{entries[0].finder.prefix}:…' are found by {origins}; uninstall one, or block it with {DISABLE}"
    )


def find(entry: FinderEntry, name: str) -> Found:
    """What a finder says of a name, which has its prefix.

    Raises:
        PluginError: it refuses the name, its code fails, or it gives something else than tasks.
    """
    from ablate.tasks.base import Task
    from ablate.tasks.finder import Found

    try:
        # stdout is for results alone, so what a plug-in prints goes to stderr.
        with redirect_stdout(sys.stderr):
            found = entry.finder.find(name)
    except PluginError:
        raise
    except any_failure() as error:  # a plug-in's code may raise anything
        raise PluginError(f"plug-in {entry.origin} cannot find '{name}': {one_line(error)}") from error
    whole = isinstance(found, Found) and found.tasks
    if not whole or not all(isinstance(task, type) and issubclass(task, Task) for task in found.tasks):
        raise PluginError(f"plug-in {entry.origin} finds {found!r} for '{name}', which is not a Found with tasks")
    return found


def find_entry(registry: Registry, name: str, kind: str | None = None) -> Entry:
    """The entry of this name, of the given kind or of any kind.

    Raises:
        PluginError: there is no such entry (the message suggests the closest name), or there are several.
    """
    kinds = [kind] if kind else [k for k in KINDS if any(entry.plugin.name == name for entry in registry.of_kind(k))]
    if kinds in ([], ["task"]) and (found := registry.found(name)):
        return registry.only(name, found)
    if not kinds:
        names = {entry.plugin.name for entry in registry.entries}
        raise PluginError(f"unknown plug-in '{name}'; {suggest(name, names)}{registry.broken_suffix}")
    if len(kinds) > 1:
        raise PluginError(f"'{name}' is {' and '.join(map(with_article, kinds))}; say which with --kind")
    plugin = registry.get(kinds[0], name)
    return next(entry for entry in registry.of_kind(kinds[0]) if entry.plugin is plugin)


def with_article(kind: str) -> str:
    """One of :data:`KINDS` with its article."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


@cache
def registry() -> Registry:
    """The plug-ins of this environment. They are imported at the first call in a process.

    The environment variable ``ABLATE_DISABLE_PLUGINS`` excludes plug-ins, see :data:`~ablate.plugin_loading.DISABLE`.
    """
    loaded = Registry()
    with interruptible():
        for installed in installations():
            if installed.blocked:
                continue
            try:
                # stdout is for results alone, so what a plug-in prints goes to stderr.
                with redirect_stdout(sys.stderr), restored():
                    provided = load(installed.entry_point)
            except any_failure() as error:  # a plug-in's module may raise anything, and must not stop the command line
                if installed.built_in:
                    raise
                loaded.broken.append(Broken(installed.origin, one_line(error)))
            else:
                classes = ((kind, plugin) for kind, of_kind in provided.classes.items() for plugin in of_kind)
                loaded.entries.extend(Entry(kind, plugin, installed.origin) for kind, plugin in classes)
                loaded.finders.extend(FinderEntry(finder, installed.origin) for finder in provided.finders)
                loaded.writers.extend(WriterEntry(writer, installed.origin) for writer in provided.writers)
    return loaded
