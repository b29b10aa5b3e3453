"""The database of a store: opens and checks it, and runs transactions."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError

from ablate.arguments import argument
from ablate.errors import StoreError
from ablate.store import place as places
from ablate.store import postgres, schema
from ablate.store.place import Place, store_errors

T = TypeVar("T")

_ATTEMPTS = 20
"""How often a transaction is tried. Each time that it collides, another one has got on."""
_RESTART_SECONDS = 15.0
_WAL_IS_SAFE = (3, 51, 3)
"""In older versions of SQLite, two connections that reset the WAL at the same time could lose a transaction."""


class Database:
    """The database of a store.

    Args:
        create: create the database or its missing tables, and set the journal mode. Otherwise nothing is written.

    Raises:
        StoreError: the database cannot be opened, belongs to another program or to a newer ablate, or does not exist
            and ``create`` is False.
    """

    def __init__(self, place: Place, create: bool) -> None:
        self._name = place.name
        with store_errors(place.name):
            if place.path is not None:
                places.check_store_file(place.name, place.path, create)
            self._engine = _engine(place)
        self._server = place.path is None
        self._reader = postgres.reader(self._engine) if self._server else self._engine
        self._writer = postgres.writer(self._engine) if self._server else _sqlite_writer(self._engine)
        self._connected = False
        try:
            self._check_version(place, create)
        except BaseException:
            self.close()
            raise

    def _check_version(self, place: Place, create: bool) -> None:
        with self.reading() as connection:
            version = schema.version(connection)
            older = version is not None and schema.lacks_tables(connection)
        if version is None and not create:
            raise places.none_yet(place.name)
        if version is None:
            self.commit(schema.create if place.path is None else _create_sqlite)
        elif version > schema.VERSION:
            raise StoreError(
                f"the store {place.name} was made by a newer ablate (schema {version}, this one supports"
                f" {schema.VERSION}): update ablate, or give another {argument('store')}"
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
        """A transaction for reading, which sees a single state of the database."""
        with store_errors(self._name), self._connection(self._reader) as connection, connection.begin():
            yield connection

    def commit(self, work: Callable[[Connection], T]) -> T:
        """Runs ``work`` in one transaction. On return its changes are on the disk.

        ``work`` runs again if another process inserted the same key at the same time, if two transactions locked each
        other out, or if the connection was cut. On SQLite this cannot happen, because a writer locks the database
        first. If the connection was cut during the commit, ``work`` may find its own changes.
        """
        with store_errors(self._name):
            for _ in range(_ATTEMPTS - 1):
                try:
                    return self._once(work)
                except DBAPIError as error:
                    if not postgres.may_be_repeated(error):
                        raise
            return self._once(work)

    def now(self, connection: Connection) -> float:
        """The time that all who share the store go by, in seconds since 1970."""
        return postgres.now(connection) if self._server else time.time()

    def _once(self, work: Callable[[Connection], T]) -> T:
        with self._connection(self._writer) as connection, connection.begin():
            return work(connection)

    def _connection(self, engine: Engine) -> Connection:
        """A connection. If there was one before, a server that is gone gets some time to come back."""
        until = time.monotonic() + (_RESTART_SECONDS if self._server and self._connected else 0)
        while True:
            try:
                connection = engine.connect()
            except OperationalError:
                if time.monotonic() >= until:
                    self._connected = False  # what is still to be ended does not wait as long again
                    raise
                time.sleep(0.5)
            else:
                self._connected = True
                return connection


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts the rows whose keys are not there yet, also if other processes insert the same ones now."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    # In one order everywhere, so that two processes do not wait for each other.
    connection.execute(insert(table).on_conflict_do_nothing(), sorted(rows, key=lambda row: str(row["key"])))


def _engine(place: Place) -> Engine:
    if place.path is None:
        return postgres.engine_of(place.name, place.url)
    engine = create_engine(place.url, connect_args={"timeout": places.BUSY_SECONDS})
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _sqlite_writer(engine: Engine) -> Engine:
    return engine.execution_options(ablate_writes=True)


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # `_on_begin` starts the transactions, not the driver
    # A damaged text that is not UTF-8 must fail its own checksum, not the whole query.
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    connection.execute("PRAGMA synchronous=FULL")


def _on_begin(connection: Connection) -> None:
    # A writer takes the lock at once. A transaction that reads first and then writes may fail without waiting.
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
        # This fails while another process reads. The old journal mode is as safe, only slower.
        with suppress(sqlite3.OperationalError):
            cursor.execute("PRAGMA journal_mode=WAL")
