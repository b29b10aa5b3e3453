"""Arrays in a folder beside a SQLite file.

A file is written under a temporary name, fsynced and renamed, so that a killed process leaves a complete file or none.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from ablate.store.arrays import parse
from ablate.store.schema import Damaged

SWEEP_SECONDS = 3600
"""The age from which a temporary file belongs to a process that was killed: no write takes an hour."""

_OURS = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class ArrayFolder:
    """The files of ``folder``, which need not exist yet."""

    folder: Path

    def write(self, digest: str, content: bytes) -> None:
        """Creates the folder if necessary.

        Raises:
            OSError: the disk is full, or the folder is not writable. No file is left behind.
        """
        if not self.folder.is_dir():
            self.folder.mkdir(exist_ok=True)
            _sync_folder(self.folder.parent)
        write_file(self.file(digest), content)

    def read(self, digest: str) -> list[NDArray[Any]]:
        path = self.file(digest)
        try:
            return parse(path, digest, path.read_bytes())
        except FileNotFoundError:
            raise Damaged(f"{path} is missing") from None

    def count(self, digest: str) -> int:
        path = self.file(digest)
        if not path.exists():
            raise Damaged(f"{path} is missing")
        if not self.is_whole(digest):
            raise Damaged(f"{path} is cut short or altered")
        try:
            with safe_open(path, "numpy") as tensors:
                return len(tensors.keys())
        except SafetensorError as error:
            raise Damaged(f"{path} is not a safetensors file ({error})") from None

    def file(self, digest: str) -> Path:
        return self.folder / f"{digest}.safetensors"

    def digests(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.safetensors") if _OURS.fullmatch(path.stem))

    def is_whole(self, digest: str) -> bool:
        with self.file(digest).open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == digest

    def remove(self, digest: str) -> None:
        self.file(digest).unlink(missing_ok=True)

    def size(self) -> int:
        return sum(self.file(digest).stat().st_size for digest in self.digests())

    def sweep(self) -> None:
        for temporary in self.folder.glob("*.tmp"):
            try:
                if time.time() - temporary.stat().st_mtime > SWEEP_SECONDS:
                    temporary.unlink()
            except FileNotFoundError:
                continue  # another process has just removed or renamed it

    def close(self) -> None:
        """Nothing was copied."""


def write_file(path: Path, content: bytes) -> None:
    """Writes a file that is there as a whole or not at all. An existing one, which may be damaged, is replaced."""
    temporary = path.parent / f"{uuid.uuid4().hex}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder, and a rename there needs no fsync
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
