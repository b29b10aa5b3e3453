"""Chooses where sentence pairs come from, and says why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ablate.data.cache import cache_folder
from ablate.data.hub import HUB, HubCache
from ablate.data.items import Source
from ablate.data.names import GEOMETRY, GROUPS, KNOWN
from ablate.data.senteval import SentEval
from ablate.data.standard import SETS
from ablate.distribution import pip_install
from ablate.errors import DataError, suggest

__all__ = ["GET", "KNOWN", "WORDS", "Chosen", "expand", "providers", "resolve"]

WORDS = ("auto", "embedded", "hub", "senteval", "senteval:DIR")
"""What ``--data`` takes."""

GET: Mapping[str, str] = {
    "senteval": "set ABLATE_DATA to a folder like SentEval's data/downstream, or give senteval:DIR",
    "hub": f"`{pip_install('hub')}`, then `ablate data fetch`",
    "embedded": "comes with ablate, give data: embedded",
}
"""Source -> how to have it."""


@dataclass(frozen=True)
class Chosen:
    """The source to use, and in one clause which it is and why."""

    source: Source
    why: str


def resolve(data: str | Mapping[str, str], environ: Mapping[str, str]) -> Chosen:
    """Finds the source that ``data`` asks for. Never touches the network, never falls back in silence.

    ``auto`` takes the first there is of: the folder ABLATE_DATA; the cache that `ablate data fetch` filled,
    if it has all of the groups ``sts``, ``sts-dev`` and ``sts-train``; embedded. An empty ABLATE_DATA counts
    as unset; one that is no folder with data sets is an error.

    Args:
        data: one of :data:`WORDS`, or ``{"senteval": DIR}`` as in recipes.
        environ: the environment; ABLATE_DATA, ABLATE_CACHE, XDG_CACHE_HOME and HOME count.

    Raises:
        DataError: unknown word, or a source that is not there (with how to get it).
    """
    if not isinstance(data, str):
        if list(data) != ["senteval"]:
            raise DataError(f"data: {dict(data)!r} is no source; write {', '.join(WORDS)} or {{senteval: DIR}}")
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
            raise DataError(f"data: hub is asked for, but nothing is fetched in {cache.folder}; {GET['hub']}")
        return Chosen(cache, "asked for, from the cache filled by `ablate data fetch`")
    if data == "embedded":
        return Chosen(_embedded(), "asked for")
    if data == "auto":
        return _auto(environ)
    raise DataError(f"data: unknown source '{data}'; {suggest(word, WORDS)}")


def expand(names: Iterable[str], source: Source) -> tuple[str, ...]:
    """Replaces groups: ``sts``, ``sts-dev``, ``sts-train``, ``transfer`` by their data sets, ``geometry`` by its tasks.

    The order stays, duplicates go; names that are no built-in data set (tasks of plug-ins) pass as they are.

    Raises:
        DataError: a built-in data set, named or in a group, that the source lacks.
    """
    there = source.names()
    found: dict[str, None] = {}
    for name in names:
        for member in members(name, source):
            if member in KNOWN and member not in there:
                what = f"'{member}'" if member == name else f"'{member}' (of the group '{name}')"
                ways = " or ".join(f"{way} ({GET[way]})" for way in providers(member))
                raise DataError(
                    f"{what} is not in the source '{source.label}', which has "
                    f"{', '.join(there) or 'nothing'}; it can come from {ways}"
                )
            found[member] = None
    return tuple(found)


def members(name: str, source: Source) -> tuple[str, ...]:
    """The tasks of a group, whether or not the source has them; what is no group is its own only member."""
    groups = {**GROUPS, "geometry": GEOMETRY, **source.groups()}
    return groups.get(name, (name,))


def providers(name: str) -> tuple[str, ...]:
    """The sources that can have a built-in data set, whether or not they are here."""
    having = {"senteval": SETS, "hub": tuple(HUB), "embedded": tuple(set(KNOWN) - set(SETS) - set(HUB))}
    return tuple(source for source, names in having.items() if name in names)


def _auto(environ: Mapping[str, str]) -> Chosen:
    if environ.get("ABLATE_DATA"):
        return _senteval(environ["ABLATE_DATA"], "ABLATE_DATA", "ABLATE_DATA is set")
    cache = HubCache(cache_folder(environ))
    there = set(cache.names())
    lacking = [name for group in GROUPS.values() for name in group if name in HUB and name not in there]
    if not lacking:
        return Chosen(cache, "no ABLATE_DATA, cache filled by `ablate data fetch`")
    if there:
        return Chosen(_embedded(), f"no ABLATE_DATA, and the fetched cache lacks {', '.join(lacking)}")
    return Chosen(_embedded(), "no ABLATE_DATA and no fetched cache")


def _senteval(folder: str, place: str, why: str) -> Chosen:
    path = Path(folder).expanduser()
    if not folder or not path.is_dir():
        raise DataError(f"{place}: there is no folder '{folder}'; {GET['senteval']}")
    source = SentEval(path)
    if not source.names():
        inner = path / "data" / "downstream"
        remedy = f"did you mean '{inner}'?" if SentEval(inner).names() else GET["senteval"]
        raise DataError(f"{place}: no data set (such as STS/STS12-en-test or SICK) in '{path}'; {remedy}")
    return Chosen(source, why)


def _embedded() -> Source:
    from ablate.data.embedded import Embedded

    return Embedded()
