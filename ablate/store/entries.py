"""Reads and writes the entries of a store, and the files that they name. What is damaged is deleted with a warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from numpy.typing import NDArray
from sqlalchemy import Column, Connection, Row, Table, delete, select

from ablate.store import arrays, schema
from ablate.store.array_folder import ArrayFolder
from ablate.store.array_table import ArrayTable
from ablate.store.arrays import ArrayStore
from ablate.store.claims import Claims
from ablate.store.database import Database, insert_new
from ablate.store.place import Place, store_errors
from ablate.store.records import FORMS, Arrays, entry_of
from ablate.store.schema import Damaged, check_name, pack

T = TypeVar("T")

_CHUNK = 500
"""Keys in a query. Older versions of SQLite allow at most 999 parameters."""


def arrays_of(place: Place, database: Database) -> ArrayStore:
    """Where a store has its arrays: beside a SQLite file, or in another database."""
    return ArrayFolder(place.files) if place.path is not None else ArrayTable(database, place.files / "copies")


class Entries:
    """The entries of an open store.

    claims: on keys that are being computed.
    name: of the store, in messages.
    """

    def __init__(self, database: Database, place: Place) -> None:
        self._database = database
        self._files = place.files
        self._in_folder = place.path is not None
        self._arrays = arrays_of(place, database)
        self.name = place.name
        self.claims = Claims(place.name, database, shared=place.path is None)

    def _entry(self, table: Table, key: str) -> dict[str, Any] | None:
        """The entry under ``key``; None if there is none, or if it was damaged and is now deleted."""
        return self._entries(table, [key]).get(key)

    def _entries(self, table: Table, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        return self._read(table, keys, [table.c.key, table.c.entry], lambda row: entry_of(table, row.key, row.entry))

    def _read(
        self, table: Table, keys: Iterable[str], columns: Sequence[Column[Any]], form: Callable[[Row[Any]], T]
    ) -> dict[str, T]:
        """What ``form`` makes of the rows under ``keys``, in the order of ``keys``.

        Absent keys are left out, and so are damaged rows, which are deleted.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[str, T] = {}
        damaged: dict[str, Damaged] = {}
        if not wanted:
            return found
        for key in wanted:
            check_name("key", key)
        with self._database.reading() as connection:
            for start in range(0, len(wanted), _CHUNK):
                chunk = select(*columns).where(table.c.key.in_(wanted[start : start + _CHUNK]))
                for row in connection.execute(chunk):
                    try:
                        found[row.key] = form(row)
                    except Damaged as damage:
                        damaged[row.key] = damage
        # After the reading transaction, because deleting needs one that writes.
        for key, cause in damaged.items():
            self._forget(table, key, cause)
        return {key: found[key] for key in wanted if key in found}

    def _load(self, table: Table, key: str, form: Callable[[str, dict[str, Any], Arrays], T]) -> T | None:
        """What is stored under ``key`` with a file, or None as for :meth:`_entry`.

        Args:
            form: makes it from its key, its entry and the arrays of its file.
        """
        entry = self._entry(table, key)
        if entry is None:
            return None
        try:
            with store_errors(self.name):
                content = self._arrays.read(entry["file"])
            return form(key, entry, content)
        except Damaged as damage:
            self._forget(table, key, damage)
            return None

    def _put_file(self, table: Table, key: str, entry: dict[str, Any], content: list[NDArray[Any]]) -> None:
        # Read it, because a damaged one must be stored anew. This run would otherwise find nothing in its place later.
        if self._load(table, key, FORMS[table]) is not None:
            return
        digest, data = arrays.serialize(content)
        row = {"key": key, "entry": pack(key, {**entry, "file": digest})}
        # The file is written before the entry, so that an entry never names a file that does not exist.
        with store_errors(self.name):
            self._arrays.write(digest, data)
        self._insert(table, [row])

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            check_name("key", row["key"])

        def work(connection: Connection) -> None:
            if rows:
                insert_new(connection, table, rows)
            for start in range(0, len(keys), _CHUNK):
                chunk = keys[start : start + _CHUNK]
                connection.execute(delete(schema.claims).where(schema.claims.c.key.in_(chunk)))

        keys = [row["key"] for row in rows]
        self._database.commit(work)
        self.claims.stored(keys)

    def _forget(self, table: Table, key: str, damage: Damaged) -> None:
        self._database.commit(lambda connection: connection.execute(delete(table).where(table.c.key == key)))
        warnings.warn(f"the store {self.name}: {damage}; it will be computed again", RuntimeWarning, stacklevel=4)
