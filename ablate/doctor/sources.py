"""Where sentences would come from, and what each source lacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ablate.data.cache import cache_folder
from ablate.data.embedded import Embedded
from ablate.data.hub import HUB, HubCache
from ablate.data.items import Source
from ablate.data.senteval import SETS, SentEval
from ablate.data.sources import resolve
from ablate.doctor.finding import Finding, Section
from ablate.errors import DataError


def sources(environ: Mapping[str, str]) -> Section:
    """The source that ``data: auto`` takes, and the three that there are."""
    findings = [_auto(environ)]
    folder = environ.get("ABLATE_DATA")
    if folder:
        path = Path(folder).expanduser()
        if path.is_dir():
            findings.append(_there("ABLATE_DATA", SentEval(path), tuple(SETS), path))
    else:
        findings.append(Finding("ABLATE_DATA", "not set; a folder like SentEval's data/downstream"))
    cache = HubCache(cache_folder(environ))
    if cache.names():
        findings.append(_there("cache", cache, tuple(HUB), cache.folder))
    else:
        findings.append(Finding("cache", f"nothing in {cache.folder}; filled by `ablate data fetch`"))
    embedded = Embedded()
    findings.append(_there("embedded", embedded, embedded.names()))
    return Section("Data", tuple(findings))


def _auto(environ: Mapping[str, str]) -> Finding:
    try:
        chosen = resolve("auto", environ)
    except DataError as error:
        return Finding("data: auto", "broken", str(error))
    return Finding("data: auto", f"{chosen.source.label} ({chosen.why})")


def _there(what: str, source: Source, possible: tuple[str, ...], folder: Path | None = None) -> Finding:
    """Reads every set that the source has; one that it lacks is no fault, one that is broken is."""
    broken = []
    for name in source.names():
        try:
            source.load(name)
        except DataError as error:
            broken.append((name, str(error)))
    lacking = [name for name in possible if name not in source.names()]
    found = f"{len(source.names())} of {len(possible)} sets" + (f" in {folder}" if folder else "")
    found += f"; lacks {', '.join(lacking)}" if lacking else ""
    if not broken:
        return Finding(what, found)
    found += f"; broken: {', '.join(name for name, _ in broken)}"
    return Finding(what, found, "; ".join(reason for _, reason in broken))
