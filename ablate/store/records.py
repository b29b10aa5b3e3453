"""What a store gives and takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.store.schema import Damaged, pack, unpack
from ablate.tasks.result import Result


@dataclass(frozen=True)
class StoredMask:
    """A mask as stored.

    hash: sha256 of the bits, as the caller computed it.
    units: granularity -> bool [units of that granularity], True = keep.
    about: anything that JSON can hold, such as ``units_removed``, ``params_removed``, ``sparsity_achieved``.
    """

    hash: str
    units: dict[str, NDArray[np.bool_]]
    about: dict[str, Any]


@dataclass(frozen=True)
class RunInfo:
    """One run. Times are in UTC.

    finished: when its rows were last put, None before.
    choice, chosen: what was chosen on the dev split and when that was recorded, None before.
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
    """A row of the table of results."""
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
    """The opposite of :func:`to_row`.

    Raises:
        Damaged: a checksum does not match.
    """
    entry = unpack(key, text)
    digest = entry.pop("values")
    if not with_values or digest is None:
        return Result(values=None, **entry)
    if not isinstance(values, bytes) or hashlib.sha256(values).hexdigest() != digest:
        raise Damaged(f"the values of result {key!r} do not match their checksum")
    return Result(values=np.frombuffer(values, "<f4").astype(np.float32), **entry)
