"""Arrays as the bytes of safetensors files, named by their sha256, so that every read can be checked.

Arrays with equal content are stored once, so they are never removed with a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from ablate.store.schema import Damaged


class ArrayStore(Protocol):
    """Where a store keeps its arrays, each list of them as one file under its sha256.

    Every method raises StoreError or OSError if the database or the disk fails.
    """

    def write(self, digest: str, content: bytes) -> None:
        """Stores what :func:`serialize` returned, in place of a damaged file. On return it is on the disk."""

    def read(self, digest: str) -> list[NDArray[Any]]:
        """The arrays of a file, writable, in the order in which they were passed to :func:`serialize`.

        Raises:
            Damaged: the file is missing, cut short or altered.
        """

    def count(self, digest: str) -> int:
        """How many arrays a file has. It is checked as by :meth:`read`."""

    def file(self, digest: str) -> Path:
        """A file on this machine that has the content, for processes that do not open the store.

        Raises:
            Damaged: the content had to be copied, and is missing or altered.
        """

    def digests(self) -> list[str]:
        """All files, sorted."""

    def is_whole(self, digest: str) -> bool:
        """Whether a file still has the content that :meth:`write` wrote."""

    def remove(self, digest: str) -> None:
        """Removes a file, of which the caller knows that it is damaged."""

    def size(self) -> int:
        """The bytes of all files."""

    def sweep(self) -> None:
        """Removes what killed processes left behind."""

    def close(self) -> None:
        """Removes what :meth:`file` copied."""


def serialize(arrays: Sequence[NDArray[Any]]) -> tuple[str, bytes]:
    """The sha256 and the bytes of a safetensors file that holds ``arrays``."""
    content = safetensors.numpy.save({str(i): np.ascontiguousarray(a) for i, a in enumerate(arrays)})
    return hashlib.sha256(content).hexdigest(), content


def parse(name: object, digest: str, content: bytes) -> list[NDArray[Any]]:
    """The inverse of :func:`serialize`: the arrays, writable.

    Args:
        name: of the file, for the message.

    Raises:
        Damaged: the content does not have this sha256.
    """
    if hashlib.sha256(content).hexdigest() != digest:
        raise Damaged(f"{name} is cut short or altered")
    arrays: Mapping[str, NDArray[Any]] = safetensors.numpy.load(content)
    return [arrays[str(i)] for i in range(len(arrays))]


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
