"""The data sources: which one `data: auto` chooses, and which data sets each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ablate.data.cache import cache_folder
from ablate.data.embedded import Embedded
from ablate.data.hub import HUB, HubCache
from ablate.data.items import Source
from ablate.data.senteval import SentEval
from ablate.data.sources import resolve
from ablate.data.standard import SETS
from ablate.doctor.finding import Finding, Section
from ablate.errors import DataError
from ablate.files import expanded


def sources(environ: Mapping[str, str]) -> Section:
    """The source that ``data: auto`` chooses, then ABLATE_DATA, the cache of the Hub, and the embedded data."""
    findings = [_auto(environ)]
    folder = environ.get("ABLATE_DATA")
    if folder:
        path = expanded(folder)
        # If there is no such folder, the finding of `data: auto` says so.
        if path.is_dir():
            findings.append(_source("ABLATE_DATA", SentEval(path), tuple(SETS), path))
    else:
        findings.append(Finding("ABLATE_DATA", "not set; it names a folder laid out as SentEval's data/downstream"))
    cache = HubCache(cache_folder(environ))
    if cache.names():
        findings.append(_source("cache", cache, tuple(HUB), cache.folder))
    else:
        findings.append(Finding("cache", f"nothing in {cache.folder}; `ablate data fetch` fills it"))
    embedded = Embedded()
    findings.append(_source("embedded", embedded, embedded.names()))
    return Section("Data", tuple(findings))


def _auto(environ: Mapping[str, str]) -> Finding:
    try:
        chosen = resolve("auto", environ)
    except DataError as error:
        return Finding("data: auto", "broken", str(error))
    return Finding("data: auto", f"{chosen.source.label} ({chosen.why})")


def _source(what: str, source: Source, possible: tuple[str, ...], folder: Path | None = None) -> Finding:
    """Reads every data set of a source. A missing data set or one of another size is not a fault, a broken one is.

    Args:
        possible: the data sets that a source of this kind may have.
    """
    errors: dict[str, str] = {}
    deviations: dict[str, str] = {}
    for name in source.names():
        try:
            deviation = source.load(name).deviation
        except DataError as error:
            errors[name] = str(error)
        else:
            if deviation:
                deviations[name] = deviation
    lacking = [name for name in possible if name not in source.names()]
    state = f"{len(source.names())} of {len(possible)} sets" + (f" in {folder}" if folder else "")
    state += f"; lacks {', '.join(lacking)}" if lacking else ""
    state += f"; broken: {', '.join(errors)}" if errors else ""
    state += "".join(f"; {name}: {deviation}" for name, deviation in deviations.items())
    return Finding(what, state, "; ".join(errors.values()) or None)
