"""Locates a store, and checks whether it can be opened. Nothing here changes a file."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from ablate.arguments import argument
from ablate.data.cache import cache_root
from ablate.errors import StoreError
from ablate.files import expanded
from ablate.redact import without_passwords
from ablate.store import postgres

APPLICATION_ID = int.from_bytes(b"ablt", "big")
"""Stored in the header of every SQLite file that ablate creates, to recognize the databases of other programs."""
BUSY_SECONDS = 30
_PERMISSIONS = "give yourself permission for it and for its folder, or {remedy}"

_MEANINGS = {
    sqlite3.SQLITE_FULL: "cannot grow, the disk is full: make room and give the same command again",
    sqlite3.SQLITE_BUSY: f"has been locked for {BUSY_SECONDS} s by another process: wait, or {{remedy}}",
    sqlite3.SQLITE_LOCKED: "is locked: wait for the other process, or {remedy}",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore it from a copy, or {remedy}",
    sqlite3.SQLITE_NOTADB: "is damaged or not a SQLite database: restore it from a copy, or {remedy}",
    sqlite3.SQLITE_READONLY: f"cannot be written: {_PERMISSIONS}",
    sqlite3.SQLITE_PERM: f"cannot be opened: {_PERMISSIONS}",
    sqlite3.SQLITE_CANTOPEN: f"cannot be opened: {_PERMISSIONS}",
    sqlite3.SQLITE_IOERR: "met a disk error (is it full?): make room and give the same command again, or {remedy}",
}
"""Of SQLite's codes. ``{remedy}`` stands for :func:`_remedy`."""


@dataclass(frozen=True)
class Place:
    """Where a store is.

    name: the name of the store in messages, without a password.
    path: its SQLite file; None for another database.
    files: the folder of its arrays. If the database has them: a folder of this machine, for checkpoints and copies.
    """

    name: str
    url: URL
    path: Path | None
    files: Path

    def owns(self, file: Path) -> bool:
        """Whether a file is the database, a file of SQLite's beside it, or one of the arrays; also by a link."""
        real = Path(os.path.realpath(file))
        beside = [] if self.path is None else [Path(f"{self.path}{end}") for end in ("", "-wal", "-shm", "-journal")]
        if real in beside or self.files in real.parents:
            return True
        try:
            state = os.stat(real)
        except (OSError, ValueError):  # there is no such file yet
            return False
        # Only a file of several names can be one of ours under another one, and a store may have many arrays.
        inside = self.files.rglob("*") if state.st_nlink > 1 and self.files.is_dir() else ()
        return any(os.path.exists(own) and os.path.samestat(state, os.stat(own)) for own in (*beside, *inside))


def locate(where: str | Path) -> Place:
    """The place that a path or a SQLAlchemy URL names.

    Raises:
        StoreError: the URL is malformed, or it names a SQLite database that is not a plain file.
    """
    if isinstance(where, str) and "://" in where:
        try:
            url = make_url(where)
        except (ArgumentError, ValueError):  # a port that is no number is a ValueError
            # The URL may contain a password, so the message does not repeat it.
            raise StoreError(f"the URL of the store cannot be read: {_remedy()}") from None
        if url.get_backend_name() != "sqlite":
            return _database_place(without_passwords(str(where)), url)
        if url.query or url.get_driver_name() != "pysqlite":
            raise StoreError(
                f"the store {without_passwords(str(where))}: give a SQLite file by its path alone, such as "
                f"{argument('store', 'ablate.db')}"
            )
        where = url.database or ""
    name = str(where)
    if name in ("", ":memory:") or "\0" in name:
        raise StoreError(f"the store {name!r} is not a file name: {_remedy()}")
    # Links are resolved, so that the folder of arrays is the same whichever link the store is opened by.
    path = Path(os.path.realpath(expanded(name)))
    files = path.with_name(path.name + ".files")
    return Place(name, URL.create("sqlite", database=str(path)), path, files)


def _database_place(name: str, url: URL) -> Place:
    if not postgres.is_postgres(url):
        raise StoreError(
            f"the store {name}: a store is a SQLite file or a PostgreSQL database: give a path or a URL that begins "
            f"with postgresql://, or {_remedy()}"
        )
    # By the name, so that the trainings of two stores do not share a folder.
    own = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Place(name, postgres.with_driver(name, url), None, cache_root(os.environ) / "stores" / own)


class NoStoreYet(StoreError):
    """A store that is to be read does not exist."""


def none_yet(name: str) -> NoStoreYet:
    """The error for a store that is to be read and does not exist."""
    return NoStoreYet(f"there is no store at {name} yet: make one with `ablate run`, or {_remedy()}")


def check_store_file(name: str, path: Path, create: bool) -> None:
    """Checks the file at ``path`` before SQLite opens it, because SQLite may write to it.

    Args:
        name: the name of the store in messages.
        create: whether the store may be created and written.

    Raises:
        StoreError: the file is not a store of ablate, or (with ``create``) it is missing and cannot be created.
    """
    if path.is_dir():
        raise StoreError(f"the store {name} is a folder: name a file in it, such as {Path(name) / 'ablate.db'}")
    if not path.exists():
        if not create:
            raise none_yet(name)
        if not path.parent.is_dir():
            raise StoreError(f"the store {name}: there is no folder {path.parent}: make it, or {_remedy()}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise StoreError(f"the store {name}: the folder {path.parent} cannot be written: {_remedy()}")
        return
    if not path.is_file():
        raise StoreError(f"the store {name} is not a regular file: {_remedy()}")
    if not os.access(path, os.R_OK | os.W_OK if create else os.R_OK):
        raise StoreError(f"the store {name} cannot be {'written' if create else 'read'}: {_remedy()}")
    with path.open("rb") as file:
        header = file.read(100)
    # An empty file is a new store, or one whose creation was killed.
    # Layout of the header: https://sqlite.org/fileformat2.html#database_header
    if header and (len(header) < 100 or not header.startswith(b"SQLite format 3\0")):
        raise StoreError(f"the store {name} is not a SQLite database: {_remedy()}")
    if header and int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise StoreError(f"the store {name} is the database of another program: {_remedy()}")


@contextmanager
def store_errors(name: str) -> Iterator[None]:
    """Turns an error of the disk or the database into a StoreError of one line that says what to do."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(f"the store {name} {_explain(error.orig)}") from error
    except sqlite3.Error as error:  # from statements that bypass SQLAlchemy, which set the journal mode
        raise StoreError(f"the store {name} {_explain(error)}") from error
    except UnicodeDecodeError as error:
        # The sqlite3 module raises this when its own message quotes a damaged schema.
        raise StoreError(f"the store {name} {_meaning(sqlite3.SQLITE_CORRUPT)}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StoreError(f"the store {name} {_meaning(sqlite3.SQLITE_FULL)}") from error
        raise StoreError(f"the store {name}: {error.strerror}: {error.filename}; fix it, or {_remedy()}") from error


def _meaning(code: int) -> str:
    return _MEANINGS[code].format(remedy=_remedy())


def _remedy() -> str:
    return f"give another {argument('store')}"


def _explain(error: BaseException | None) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    # The low byte is the primary result code; the other bytes specify it further: https://sqlite.org/rescode.html
    if code is not None and code & 0xFF in _MEANINGS:
        return _meaning(code & 0xFF)
    if meaning := postgres.explain(error):
        return f"{without_passwords(meaning)}, or {_remedy()}"
    return f"cannot be used ({without_passwords(str(error).partition(chr(10))[0])}): fix it, or {_remedy()}"
