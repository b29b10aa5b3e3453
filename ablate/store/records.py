"""The records that a store keeps and returns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Table

from ablate.statistics.arrays import require_float32_vector
from ablate.statistics.panel import Panel
from ablate.store import arrays, schema
from ablate.store.schema import Damaged, pack, unpack
from ablate.tasks.result import Result


@dataclass(frozen=True)
class StoredMask:
    """A mask as stored.

    hash: sha256 of the bits, as the caller computed it.
    units: granularity -> bool [units of that granularity], True = keep.
    about: a JSON object, with entries such as ``units_removed``, ``params_removed`` and ``sparsity_achieved``.
    """

    hash: str
    units: dict[str, NDArray[np.bool_]]
    about: dict[str, Any]


@dataclass(frozen=True)
class RunInfo:
    """One run. Times are in UTC.

    finished: when its rows were last stored; None if it has not finished.
    choice: what was chosen on the dev split; None if nothing has been recorded yet.
    chosen: when the choice was recorded, or None.
    rows: how many rows it has.
    """

    id: str
    started: datetime
    finished: datetime | None
    manifest: dict[str, Any]
    choice: dict[str, Any] | None
    chosen: datetime | None
    rows: int


def to_row(key: str, result: Result) -> dict[str, Any]:
    """The result as a row of the results table."""
    # Little-endian on every machine, so that a store can move between machines.
    values = None if result.values is None else result.values.astype("<f4").tobytes()
    entry = {
        "status": result.status,
        "reason": result.reason,
        "score": None if result.score is None else float(result.score),
        "seconds": float(result.seconds),
        "about": result.about,
        "values": None if values is None else hashlib.sha256(values).hexdigest(),
    }
    return {"key": key, "entry": pack(key, entry), "similarities": values}


def from_row(key: str, text: object, values: object, with_values: bool) -> Result:
    """The inverse of :func:`to_row`.

    Args:
        text: the column ``entry``.
        values: the column ``similarities``.
        with_values: whether the result has its values; otherwise they are None, and are not checked.

    Raises:
        Damaged: a checksum does not match, or the content is not a result.
    """
    entry = unpack(key, text)
    try:
        digest = entry.pop("values")
        if not with_values or digest is None:
            return Result(values=None, **entry)
        if not isinstance(values, bytes) or hashlib.sha256(values).hexdigest() != digest:
            raise Damaged(f"the values under {key!r} do not match their checksum")
        return Result(values=np.frombuffer(values, "<f4").astype(np.float32), **entry)
    except _MALFORMED as error:
        raise Damaged(f"what is stored under {key!r} is not a result ({error})") from None


Arrays = Sequence[NDArray[Any]]
T = TypeVar("T")

_MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What reading raises if content has a valid checksum and another form: a bug wrote it, or somebody's hand."""

_FIELDS: Mapping[Table, Mapping[str, type]] = {
    schema.scores: {"about": dict, "file": str},
    schema.masks: {"hash": str, "units": list, "about": dict, "file": str},
    schema.trained: {"names": list, "about": dict, "file": str},
    schema.panels: {"task": str, "file": str},
}


def entry_of(table: Table, key: str, text: object) -> dict[str, Any]:
    """The entry of something whose arrays are in a file.

    Args:
        text: the column ``entry``.

    Raises:
        Damaged: the checksum does not match, or a field is absent or of another type.
    """
    entry = unpack(key, text)
    for name, kind in _FIELDS[table].items():
        if not isinstance(entry, dict) or not isinstance(entry.get(name), kind):
            raise Damaged(f"what is stored under {key!r} has no {name!r} of type {kind.__name__}")
    return dict(entry)


def scores_of(key: str, entry: Mapping[str, Any], content: Arrays) -> NDArray[np.float32]:  # noqa: ARG001
    """Contributions from their file. Like the functions below, it raises ``Damaged`` if the content does not fit."""

    def read() -> NDArray[np.float32]:
        (scores,) = content
        require_float32_vector("scores", scores)
        return scores

    return _formed(key, read)


def mask_of(key: str, entry: Mapping[str, Any], content: Arrays) -> StoredMask:
    """A mask from its file."""
    return _formed(key, lambda: StoredMask(entry["hash"], arrays.unpack_units(entry["units"], content), entry["about"]))


def trained_of(key: str, entry: Mapping[str, Any], content: Arrays) -> dict[str, NDArray[np.float32]]:
    """Trained weights from their file."""
    return _formed(key, lambda: dict(zip(entry["names"], content, strict=True)))


def panel_of(key: str, entry: Mapping[str, Any], content: Arrays) -> Panel:
    """A panel from its file. Its key is the hash of its content, and so is checked here."""
    panel = _formed(key, lambda: Panel(entry["task"], *content))
    if _formed(key, lambda: panel.key) != key:
        raise Damaged(f"the panel under {key!r} has other content than its key says")
    return panel


FORMS: Mapping[Table, Callable[[str, dict[str, Any], Arrays], Any]] = {
    schema.scores: scores_of,
    schema.masks: mask_of,
    schema.trained: trained_of,
    schema.panels: panel_of,
}
"""How each kind of entry is read, once its file was."""


def _formed(key: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except _MALFORMED as error:
        raise Damaged(f"the arrays of {key!r} do not fit their entry ({error})") from None
