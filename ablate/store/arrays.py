"""Arrays in safetensors files. A file is named by the sha256 of its content, so that every read can be checked.

A file is written under a temporary name, fsynced and renamed, so that a killed process leaves a complete file or none.
Arrays with equal content share a file, so a file is never removed with a key. Only old temporary files are removed.
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
"""The age from which a temporary file belongs to a process that was killed: no write takes an hour."""


def serialize(arrays: Sequence[NDArray[Any]]) -> tuple[str, bytes]:
    """The sha256 and the bytes of a safetensors file that holds ``arrays``."""
    content = safetensors.numpy.save({str(i): np.ascontiguousarray(a) for i, a in enumerate(arrays)})
    return hashlib.sha256(content).hexdigest(), content


def write(folder: Path, digest: str, content: bytes) -> None:
    """Writes what :func:`serialize` returned, and creates the folder if necessary. On return the file is on the disk.

    Raises:
        OSError: the disk is full, or the folder is not writable. No file is left behind.
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
        # An existing file of this name is replaced too, because it may be damaged.
        temporary.replace(path_of(folder, digest))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def read(folder: Path, digest: str) -> list[NDArray[Any]]:
    """The arrays of a file, writable, in the order in which they were passed to :func:`serialize`.

    Raises:
        Damaged: the file is missing, truncated or altered.
        OSError: the file exists and cannot be read.
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
    """Whether a file still has the content that :func:`write` wrote."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.stem


def pack_units(
    units: Mapping[str, NDArray[np.bool_]],
) -> tuple[list[tuple[str, int]], list[NDArray[np.uint8]]]:
    """Packs a mask into bytes, eight units in each.

    Returns:
        For each granularity its name and number of units, and for each its bytes, uint8 [ceil(units / 8)].

    Raises:
        ValueError: an array is not bool [units].
    """
    for name, keep in units.items():
        if keep.dtype != np.bool_ or keep.ndim != 1:
            raise ValueError(f"mask of {name!r} must be bool, one axis, not {keep.dtype} of shape {keep.shape}")
    return [(name, len(keep)) for name, keep in units.items()], [np.packbits(keep) for keep in units.values()]


def unpack_units(sizes: Sequence[tuple[str, int]], packed: Sequence[NDArray[np.uint8]]) -> dict[str, NDArray[np.bool_]]:
    """The inverse of :func:`pack_units`: granularity -> bool [units], True = keep.

    Raises:
        ValueError: the bytes are not those of masks of these sizes.
    """
    if any(len(bits) != -(-size // 8) for (_, size), bits in zip(sizes, packed, strict=True)):
        raise ValueError("the masks have another size")
    return {
        name: np.unpackbits(bits, count=size).astype(np.bool_) for (name, size), bits in zip(sizes, packed, strict=True)
    }


def sweep(folder: Path) -> None:
    """Removes the temporary files that killed processes left behind."""
    for temporary in folder.glob("*.tmp"):
        try:
            if time.time() - temporary.stat().st_mtime > _SWEEP_SECONDS:
                temporary.unlink()
        except FileNotFoundError:
            continue  # another process has just removed or renamed it


def path_of(folder: Path, digest: str) -> Path:
    """The file that :func:`write` makes."""
    return folder / f"{digest}.safetensors"


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder, and a rename there needs no fsync
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
