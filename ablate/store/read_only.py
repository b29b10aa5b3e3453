"""A store that is only read: what is damaged is reported, and not deleted as in a run."""

from __future__ import annotations

from typing import Any, NoReturn

from sqlalchemy import Table

from ablate.errors import StoreError
from ablate.store.database import Database
from ablate.store.entries import Entries
from ablate.store.place import Place
from ablate.store.schema import Damaged
from ablate.store.store import Store


class ReadOnlyStore(Store):
    """A store over a database that its owner has opened and closes. Whatever would write raises StoreError."""

    def __init__(self, place: Place, database: Database) -> None:
        Entries.__init__(self, database, place)

    def remove_copies(self) -> None:
        """Removes the files that were copied out of the database."""
        self._arrays.close()

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> NoReturn:  # noqa: ARG002
        raise StoreError(f"the store {self.name} is open for reading alone")

    def _forget(self, table: Table, key: str, damage: Damaged) -> NoReturn:  # noqa: ARG002
        raise damage
