"""The provenance of a report: versions, hashes, command, recipe, seeds, and reads of the test sets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ablate.data.own_records import source_shown
from ablate.record import NearDuplicates, RunRecord, to_plain

SEEDS = ("calibration_seed", "control_seed", "tie_seed", "train_seed", "statistics_seed", "seeds", "calibration_seeds")


@dataclass(frozen=True)
class Origin:
    """What the store knows about a run besides its rows. Times are in UTC.

    choice: the chosen cells, as recorded before a test set was read; chosen: when.
    reads: test set -> how often it was read since the store was made.
    """

    run: str | None = None
    started: datetime | None = None
    finished: datetime | None = None
    choice: Mapping[str, Any] | None = None
    chosen: datetime | None = None
    reads: Mapping[str, int] | None = None


Facts = Sequence[tuple[str, str]]


def facts(results: RunRecord, origin: Origin) -> list[tuple[str, Facts]]:
    """Lists of names and values, each with its heading, without unknown values."""
    about = results.about
    source = f"{about.data} ({about.data_why})" if about.data_why else about.data
    run = [
        ("run", origin.run or about.run),
        ("store", about.store),
        ("command", about.command),
        ("started", _time(origin.started)),
        ("finished", _time(origin.finished)),
        ("models", ", ".join(about.models)),
        *((f"{model}, as loaded", "; ".join(remarks)) for model, remarks in (about.remarks or {}).items()),
        *((f"{model}, device", device) for model, device in (about.devices or {}).items()),
        ("precision", None if about.precision == "float32" else about.precision),
        ("data", source_shown(source, (row.data for row in results.rows))),
        ("screen tasks", ", ".join(about.screen)),
        ("confirm tasks", ", ".join(about.confirm)),
        ("overlap", about.overlap),
        ("near-duplicates", about.near_duplicates and _near(about.near_duplicates)),
        ("rows", str(len(results.rows))),
        ("cells", about.counts),
        ("matched draws", about.draws_said),
    ]
    sections = [
        ("Run", run),
        ("Choice", _choice(origin)),
        ("Reads of test sets", [(name, _times(count)) for name, count in (origin.reads or {}).items()]),
        ("Versions", list((about.versions or {}).items())),
        ("Hashes", [*_flat(to_plain(about.hashes or {})), *_flat({"panel": about.panels})]),
        ("Seeds", [(name, value) for name, value in _flat(about.recipe or {}) if name.split(".")[-1] in SEEDS]),
        ("Statistics", list(_flat(about.statistics or {}))),
        ("Seconds", [(name, f"{seconds:.1f}") for name, seconds in about.timings.items()]),
    ]
    # "No value" is None or an empty text here; a 0, such as a seed, is shown.
    kept = [
        (title, [(name, str(value)) for name, value in pairs if value not in (None, "")]) for title, pairs in sections
    ]
    return [(title, pairs) for title, pairs in kept if pairs]


def recipe_text(results: RunRecord) -> str | None:
    """The recipe after validation, with all defaults, as JSON (which is YAML too)."""
    recipe = results.about.recipe
    return None if recipe is None else json.dumps(recipe, indent=2, ensure_ascii=False)


def _near(found: NearDuplicates) -> str:
    counts = ", ".join(f"{task} {count:,}" for task, count in found.items.items())
    return f"{found.action}, similarity {found.similarity:g} or more; items: {counts}"


def _choice(origin: Origin) -> list[tuple[str, Any]]:
    if not origin.choice:
        return []
    cells = [(model, ", ".join(map(str, names.values()))) for model, names in origin.choice.items() if names]
    return [("recorded", _time(origin.chosen)), *cells]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as pairs of ``a.b`` and a value. Lists are joined; lists of lists or mappings are left out."""
    for name, value in content.items():
        place = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{place}.")
        elif isinstance(value, list) and value and not isinstance(value[0], Mapping | list):
            yield place, ", ".join(map(str, value))
        elif value is not None and not isinstance(value, list):
            yield place, str(value)
