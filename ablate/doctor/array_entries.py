"""Checks the entries that have a file of arrays, and the files. One entry is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, select

from ablate.doctor.damage import KINDS, Audit
from ablate.statistics.panel import Panel
from ablate.store import schema
from ablate.store.arrays import ArrayStore
from ablate.store.keys import mask_hash
from ablate.store.records import StoredMask, entry_of, mask_of, panel_of, scores_of
from ablate.store.schema import Damaged

KEY = 16
"""How many digits of a cell's key rows have."""

STREAM = {"yield_per": 200}
"""Rows are fetched in parts, so that the memory does not grow with the store."""


@dataclass
class Files:
    """What the store has, also what is damaged of it.

    panels: the number of items of each panel that is whole, by its key. masks: the keys of masks, as rows have them.
    """

    panels: dict[str, int] = field(default_factory=dict)
    masks: set[str] = field(default_factory=set)


def check_files(connection: Connection, arrays: ArrayStore, audit: Audit) -> Files:
    """Checks contributions, masks, trained weights and panels, and each file."""
    files = Files()

    def panel(key: str, entry: dict[str, Any]) -> None:
        files.panels[key] = len(panel_of(key, entry, arrays.read(entry["file"])))

    def scores(key: str, entry: dict[str, Any]) -> None:
        _check_scores(key, scores_of(key, entry, arrays.read(entry["file"])))

    def mask(key: str, entry: dict[str, Any]) -> None:
        _check_mask(key, mask_of(key, entry, arrays.read(entry["file"])))

    def trained(key: str, entry: dict[str, Any]) -> None:
        _check_weights(arrays, key, entry)

    checks: dict[Table, Callable[[str, dict[str, Any]], None]] = {
        schema.panels: panel,
        schema.scores: scores,
        schema.masks: mask,
        schema.trained: trained,
    }
    named: set[bytes] = set()
    for table, check in checks.items():
        for key, text in connection.execute(select(table.c.key, table.c.entry), execution_options=STREAM):
            audit.checked[KINDS[table]] += 1
            if table is schema.masks:
                files.masks.add(key[:KEY])
            entry: dict[str, Any] = {}
            try:
                entry = entry_of(table, key, text)
                named.add(_digest(key, entry["file"]))
                check(key, entry)
            except Damaged as damage:
                audit.add(table, key, short(damage, key), _about(table, entry))
            except OSError as error:
                audit.add(table, key, f"its file cannot be read ({error.strerror})", _about(table, entry))
    _check_others(arrays, named, audit)
    return files


def _digest(key: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Damaged(f"what is stored under {key!r} does not name a file") from None


def _check_others(arrays: ArrayStore, named: set[bytes], audit: Audit) -> None:
    """Checks the files that no entry names. They are left where entries were deleted."""
    for digest in arrays.digests():
        if bytes.fromhex(digest) in named:
            continue
        audit.checked["other file"] += 1
        if not arrays.is_whole(digest):
            audit.add(None, digest, "cut short or altered, and no entry names it")


def _check_scores(key: str, scores: NDArray[np.float32]) -> None:
    if np.isnan(scores).any():
        raise Damaged(f"a contribution under {key!r} is NaN")


def _check_mask(key: str, mask: StoredMask) -> None:
    # The masks of a stability study are samples, and have no hash.
    if mask.hash and mask_hash(mask.units) != mask.hash:
        raise Damaged(f"the bits under {key!r} are not those of its hash")


def _check_weights(arrays: ArrayStore, key: str, entry: dict[str, Any]) -> None:
    count = arrays.count(entry["file"])
    if count != len(entry["names"]):
        raise Damaged(f"there are {count} weights under {key!r}, and {len(entry['names'])} names of them")


def _about(table: Table, entry: dict[str, Any]) -> str:
    """What an entry says of itself."""
    about = entry.get("about", {})
    if table is schema.scores and "scorer" in about:
        return " at ".join(str(about[name]) for name in ("scorer", "granularity") if name in about)
    return str(about.get("cell", entry.get("task", "")))


def short(damage: Damaged, key: str) -> str:
    """What is wrong, without the key, which stands beside it."""
    return str(damage).replace(repr(key), "it")


def read_panel(connection: Connection, arrays: ArrayStore, key: str) -> Panel | None:
    """A panel; None if it is absent or damaged."""
    text = connection.execute(select(schema.panels.c.entry).where(schema.panels.c.key == key)).scalar()
    try:
        entry = entry_of(schema.panels, key, text)
        return panel_of(key, entry, arrays.read(entry["file"]))
    except (Damaged, OSError):
        return None
