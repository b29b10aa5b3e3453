"""Arrays as safetensors files named for their sha256: what is read is what was written, or nothing.

A file is written under a temporary name, fsynced and renamed, so that a kill leaves a whole file or none.
Equal content has one file. Only leftover temporary files are ever removed: another may serve a second key.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from ablate.store.schema import Damaged

_SWEEP_SECONDS = 3600


def serialize(arrays: Sequence[NDArray[Any]]) -> tuple[str, bytes]:
    """The sha256 and the bytes of a safetensors file that holds ``arrays``."""
    content = safetensors.numpy.save({str(i): np.ascontiguousarray(a) for i, a in enumerate(arrays)})
    return hashlib.sha256(content).hexdigest(), content


def write(folder: Path, digest: str, content: bytes) -> None:
    """Writes what :func:`serialize` gave; on return it is on the disk. Makes the folder if need be.

    Raises:
        OSError: the disk is full, the folder is not writable. No trace is left.
    """
    if not folder.is_dir():
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)
    temporary = folder / f"{uuid.uuid4().hex}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # Also where the file is there already: it may be a damaged one.
        temporary.replace(path_of(folder, digest))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def read(folder: Path, digest: str) -> list[NDArray[Any]]:
    """The arrays, writable, in the order in which :func:`serialize` got them.

    Raises:
        Damaged: the file is missing, cut short or altered.
        OSError: it is there and cannot be read.
    """
    path = path_of(folder, digest)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise Damaged(f"{path} is missing") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise Damaged(f"{path} is cut short or altered")
    arrays: Mapping[str, NDArray[Any]] = safetensors.numpy.load(content)
    return [arrays[str(i)] for i in range(len(arrays))]


def is_whole(file: Path) -> bool:
    """Whether a file that :func:`write` made holds what it was given."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.stem


def pack_units(
    units: Mapping[str, NDArray[np.bool_]],
) -> tuple[list[tuple[str, int]], list[NDArray[np.uint8]]]:
    """Bits of a mask, eight to a byte: (granularity, number of units) and its bytes, for each granularity.

    Raises:
        ValueError: an array is not bool [units].
    """
    for name, keep in units.items():
        if keep.dtype != np.bool_ or keep.ndim != 1:
            raise ValueError(f"mask of {name!r} must be bool, one axis, not {keep.dtype} of shape {keep.shape}")
    return [(name, len(keep)) for name, keep in units.items()], [np.packbits(keep) for keep in units.values()]


def unpack_units(sizes: Sequence[tuple[str, int]], packed: Sequence[NDArray[np.uint8]]) -> dict[str, NDArray[np.bool_]]:
    """The opposite of :func:`pack_units`."""
    return {
        name: np.unpackbits(bits, count=size).astype(np.bool_) for (name, size), bits in zip(sizes, packed, strict=True)
    }


def sweep(folder: Path) -> None:
    """Removes the temporary files of killed processes: those older than an hour, so none in use."""
    for temporary in folder.glob("*.tmp"):
        try:
            if time.time() - temporary.stat().st_mtime > _SWEEP_SECONDS:
                temporary.unlink()
        except FileNotFoundError:
            continue  # another process sweeps, or has just renamed it


def path_of(folder: Path, digest: str) -> Path:
    """The file that :func:`write` makes."""
    return folder / f"{digest}.safetensors"


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened, and a rename needs no fsync of its own
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
