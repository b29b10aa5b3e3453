"""Arrays in a table of the database, for stores that several machines share."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, insert, select

from ablate.store import schema
from ablate.store.array_folder import SWEEP_SECONDS, ArrayFolder, write_file
from ablate.store.arrays import parse
from ablate.store.database import Database
from ablate.store.schema import Damaged

PART = 16 * 2**20
"""The bytes of a part. PostgreSQL allows 1 GB in a field, and text on the wire doubles it: large weights need parts."""


class ArrayTable:
    """The files of a database.

    Args:
        folder: of this machine, where :meth:`file` makes copies. It is made when the first is asked for.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._copies: ArrayFolder | None = None
        self._lock: FileLock | None = None

    def write(self, digest: str, content: bytes) -> None:
        table = schema.arrays
        parts = [content[start : start + PART] for start in range(0, len(content), PART)]

        def work(connection: Connection) -> None:
            connection.execute(delete(table).where(table.c.digest == digest))
            for number, part in enumerate(parts):  # one at a time, so that only one is converted for the wire
                connection.execute(insert(table).values(digest=digest, part=number, content=part))

        self._database.commit(work)

    def read(self, digest: str) -> list[NDArray[Any]]:
        return parse(_name(digest), digest, self._content(digest))

    def count(self, digest: str) -> int:
        return len(self.read(digest))

    def file(self, digest: str) -> Path:
        path = self._copied().file(digest)
        if not path.exists():
            content = self._content(digest)
            parse(_name(digest), digest, content)
            write_file(path, content)
        return path

    def digests(self) -> list[str]:
        query = select(schema.arrays.c.digest).distinct().order_by(schema.arrays.c.digest)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def is_whole(self, digest: str) -> bool:
        try:
            self.read(digest)
        except Damaged:
            return False
        return True

    def remove(self, digest: str) -> None:
        table = schema.arrays
        self._database.commit(lambda connection: connection.execute(delete(table).where(table.c.digest == digest)))

    def size(self) -> int:
        query = select(func.coalesce(func.sum(func.length(schema.arrays.c.content)), 0))
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def sweep(self) -> None:
        """In the database a transaction leaves nothing behind; copies stay where a process was killed."""
        for folder in self._folder.glob("*"):
            try:
                if time.time() - folder.stat().st_mtime > SWEEP_SECONDS:
                    with FileLock(folder / "lock", timeout=0):
                        shutil.rmtree(folder, ignore_errors=True)
            except (Timeout, FileNotFoundError):
                continue  # it is in use, or another process has just removed it

    def close(self) -> None:
        if self._copies is not None and self._lock is not None:
            self._lock.release()
            shutil.rmtree(self._copies.folder, ignore_errors=True)
            self._copies = None

    def _content(self, digest: str) -> bytes:
        table = schema.arrays.c
        query = select(table.content).where(table.digest == digest).order_by(table.part)
        with self._database.reading() as connection:
            parts = list(connection.execute(query).scalars())
        if not parts:
            raise Damaged(f"{_name(digest)} is missing")
        return b"".join(parts)

    def _copied(self) -> ArrayFolder:
        """The folder of the copies. It is locked while the store is open, so that no other process sweeps it."""
        if self._copies is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._copies = ArrayFolder(Path(tempfile.mkdtemp(dir=self._folder)))
            self._lock = FileLock(self._copies.folder / "lock")
            self._lock.acquire()
        return self._copies


def _name(digest: str) -> str:
    return f"the file {digest[:16]} of arrays in the database"
