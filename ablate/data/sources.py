"""Chooses the source of the data, and says why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ablate.data.cache import cache_folder
from ablate.data.embedded import Embedded
from ablate.data.hub import HUB, HubCache
from ablate.data.items import Source
from ablate.data.names import GEOMETRY, GROUPS, KNOWN
from ablate.data.senteval import SentEval
from ablate.data.standard import SETS
from ablate.distribution import pip_install
from ablate.errors import DataError, suggest
from ablate.files import expanded, is_folder

WORDS = ("auto", "embedded", "hub", "senteval", "senteval:DIR")
"""The values of ``--data``."""

GET: Mapping[str, str] = {
    "senteval": "set ABLATE_DATA to a folder like SentEval's data/downstream, or give senteval:DIR",
    "hub": f"`{pip_install('hub')}`, then `ablate data fetch`",
    "embedded": "comes with ablate, give data: embedded",
}
"""Source -> how to get it."""


@dataclass(frozen=True)
class Chosen:
    """The source to use, and why, in one clause."""

    source: Source
    why: str


def resolve(data: str | Mapping[str, str], environ: Mapping[str, str]) -> Chosen:
    """Finds the source that ``data`` asks for. It never uses the network, and never falls back silently.

    ``auto`` takes the first of these that is available: the folder ABLATE_DATA; the cache that `ablate data fetch`
    fills, if it has all of the groups ``sts``, ``sts-dev`` and ``sts-train``; embedded. An empty ABLATE_DATA counts as
    unset. An ABLATE_DATA that is not a folder with data sets is an error.

    Args:
        data: one of :data:`WORDS`, or ``{"senteval": DIR}`` as in recipes.
        environ: the environment, of which ABLATE_DATA, ABLATE_CACHE, XDG_CACHE_HOME and HOME are used.

    Raises:
        DataError: the word is unknown, or the source is not available (the message says how to get it).
    """
    if not isinstance(data, str):
        if list(data) != ["senteval"]:
            raise DataError(f"data: {dict(data)!r} is not a source; write {', '.join(WORDS)} or {{senteval: DIR}}")
        return _senteval(data["senteval"], "data: senteval", "asked for by its folder")
    word, colon, folder = data.partition(":")
    if word == "senteval" and colon:
        return _senteval(folder, "data: senteval", "asked for by its folder")
    if data == "senteval":
        if not environ.get("ABLATE_DATA"):
            raise DataError(f"data: senteval is asked for, but ABLATE_DATA is not set; {GET['senteval']}")
        return _senteval(environ["ABLATE_DATA"], "ABLATE_DATA", "asked for, from ABLATE_DATA")
    if data == "hub":
        cache = HubCache(cache_folder(environ))
        if not cache.names():
            raise DataError(f"data: hub is asked for, but nothing has been fetched to {cache.folder}; {GET['hub']}")
        return Chosen(cache, "asked for, from the cache filled by `ablate data fetch`")
    if data == "embedded":
        return Chosen(Embedded(), "asked for")
    if data == "auto":
        return _auto(environ)
    raise DataError(f"data: unknown source '{data}'; {suggest(word, WORDS)}")


def expand(names: Iterable[str], source: Source) -> tuple[str, ...]:
    """Replaces groups by their members: ``sts``, ``sts-dev``, ``sts-train`` and ``transfer`` by data sets.

    ``geometry`` is replaced by its tasks. The order is kept, and duplicates are removed. Names that are not built-in
    data sets (tasks of plug-ins) are kept as they are.

    Raises:
        DataError: the source does not have a built-in data set that is named or in a group.
    """
    available = source.names()
    expanded: dict[str, None] = {}
    for name in names:
        for member in members(name, source):
            if member in KNOWN and member not in available:
                what = f"'{member}'" if member == name else f"'{member}' (of the group '{name}')"
                ways = " or ".join(f"{way} ({GET[way]})" for way in providers(member))
                raise DataError(
                    f"{what} is not in the source '{source.label}', which has "
                    f"{', '.join(available) or 'nothing'}; it can come from {ways}"
                )
            expanded[member] = None
    return tuple(expanded)


def members(name: str, source: Source) -> tuple[str, ...]:
    """The tasks of a group, whether or not the source has them. A name that is not a group is its own only member."""
    return _groups(source).get(name, (name,))


def group_names(source: Source) -> tuple[str, ...]:
    """The names of all groups, whether or not the source has their tasks."""
    return tuple(_groups(source))


def _groups(source: Source) -> dict[str, tuple[str, ...]]:
    return {**GROUPS, "geometry": GEOMETRY, **source.groups()}


def providers(name: str) -> tuple[str, ...]:
    """The sources that can have a built-in data set, whether or not they are available now."""
    names_of = {"senteval": SETS, "hub": tuple(HUB), "embedded": tuple(set(KNOWN) - set(SETS) - set(HUB))}
    return tuple(source for source, names in names_of.items() if name in names)


def _auto(environ: Mapping[str, str]) -> Chosen:
    if environ.get("ABLATE_DATA"):
        return _senteval(environ["ABLATE_DATA"], "ABLATE_DATA", "ABLATE_DATA is set")
    cache = HubCache(cache_folder(environ))
    cached = set(cache.names())
    lacking = [name for group in GROUPS.values() for name in group if name in HUB and name not in cached]
    if not lacking:
        return Chosen(cache, "no ABLATE_DATA, cache filled by `ablate data fetch`")
    if cached:
        return Chosen(Embedded(), f"no ABLATE_DATA, and the fetched cache lacks {', '.join(lacking)}")
    return Chosen(Embedded(), "no ABLATE_DATA and no fetched cache")


def _senteval(folder: str, place: str, why: str) -> Chosen:
    path = expanded(folder)
    if not folder or not is_folder(path):
        raise DataError(f"{place}: there is no folder '{folder}'; {GET['senteval']}")
    source = SentEval(path)
    if not source.names():
        # The folder may be the root of SentEval.
        inner = path / "data" / "downstream"
        remedy = f"did you mean '{inner}'?" if SentEval(inner).names() else GET["senteval"]
        raise DataError(f"{place}: no data set (such as STS/STS12-en-test or SICK) in '{path}'; {remedy}")
    return Chosen(source, why)
