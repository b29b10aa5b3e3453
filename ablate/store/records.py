"""The records that a store keeps and returns."""

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
        Damaged: a checksum does not match.
    """
    entry = unpack(key, text)
    digest = entry.pop("values")
    if not with_values or digest is None:
        return Result(values=None, **entry)
    if not isinstance(values, bytes) or hashlib.sha256(values).hexdigest() != digest:
        raise Damaged(f"the values of result {key!r} do not match their checksum")
    return Result(values=np.frombuffer(values, "<f4").astype(np.float32), **entry)
