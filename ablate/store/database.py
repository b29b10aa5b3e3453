"""A store's database: opened, checked, and read or written in whole transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import IntegrityError, NoSuchModuleError

from ablate.errors import StoreError
from ablate.store import place as places
from ablate.store import schema
from ablate.store.place import Place, store_errors

T = TypeVar("T")

_ATTEMPTS = 5
# Before this version two connections that reset the log at once could lose a transaction.
_WAL_IS_SAFE = (3, 51, 3)


class Database:
    """Transactions on the database at a place.

    Raises:
        StoreError: it cannot be opened, is not ours, is newer than this program, or, without ``create``, is
            not there.
    """

    def __init__(self, place: Place, create: bool) -> None:
        self._name = place.name
        with store_errors(place.name):
            if place.path is not None:
                places.check_store_file(place.name, place.path, create)
            self._engine = _engine(place)
        self._writer = self._engine.execution_options(ablate_writes=True)
        try:
            self._identify(place, create)
        except BaseException:
            self.close()
            raise

    def _identify(self, place: Place, create: bool) -> None:
        with self.reading() as connection:
            version = schema.version(connection)
            older = version is not None and schema.lacks_tables(connection)
        if version is None and not create:
            raise places.none_yet(place.name)
        if version is None:
            self.commit(schema.create if place.path is None else _create_sqlite)
        elif version > schema.VERSION:
            raise StoreError(
                f"the store {place.name} was made by a newer ablate (schema {version}, this one knows"
                f" {schema.VERSION}): update ablate, or choose another with --store"
            )
        if older and create and version == schema.VERSION:
            self.commit(schema.create)
        if place.path is not None and create:
            with store_errors(place.name):
                _set_journal(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database."""
        with store_errors(self._name), self._engine.begin() as connection:
            yield connection

    def commit(self, work: Callable[[Connection], T]) -> T:
        """Does ``work`` in one transaction; on return it is on the disk.

        ``work`` is done again if another process inserted the same key meanwhile (SQLite excludes that).
        """
        with store_errors(self._name):
            for _ in range(_ATTEMPTS - 1):
                with suppress(IntegrityError):
                    return self._once(work)
            return self._once(work)

    def _once(self, work: Callable[[Connection], T]) -> T:
        with self._writer.begin() as connection:
            return work(connection)


def _engine(place: Place) -> Engine:
    if place.path is None:
        try:
            return create_engine(place.url)
        except (NoSuchModuleError, ImportError) as error:
            raise StoreError(
                f"the store {place.name}: no driver for this database ({error}): install one, or"
                " choose another with --store"
            ) from error
    engine = create_engine(place.url, connect_args={"timeout": places.BUSY_SECONDS})
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    # A text that is no longer UTF-8 is to fail its own checksum, not the whole query.
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    connection.execute("PRAGMA synchronous=FULL")


def _on_begin(connection: Connection) -> None:
    # A writer takes its lock first: a reader that turned writer could fail without waiting.
    writes = connection.get_execution_options().get("ablate_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _create_sqlite(connection: Connection) -> None:
    schema.create(connection)
    connection.exec_driver_sql(f"PRAGMA application_id={places.APPLICATION_ID}")


def _set_journal(engine: Engine) -> None:
    wanted = "wal" if sqlite3.sqlite_version_info >= _WAL_IS_SAFE else "delete"
    with closing(engine.raw_connection()) as connection:
        cursor: Any = connection.cursor()
        if cursor.execute("PRAGMA journal_mode").fetchone()[0] == wanted:
            return
        if wanted == "delete":
            cursor.execute("PRAGMA journal_mode=DELETE")
            return
        # It fails while another process reads; the journal of before is as safe, only slower.
        with suppress(sqlite3.OperationalError):
            cursor.execute("PRAGMA journal_mode=WAL")
