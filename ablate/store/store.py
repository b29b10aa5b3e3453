"""The store: what was computed, kept by what it was computed from, so that nothing is computed twice.

The database holds every result, and the entry of every score array, mask and trained model; their bits are files
beside it.
A kill at any moment loses nothing that was put. The store never gives wrong data: what does not match its
checksum is forgotten, with a warning, and so computed again. One process coordinates a run and opens the
store; several runs may share one store. Not to be carried across a fork.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, delete, insert, select

from ablate.models.weights import WeightsFile
from ablate.statistics.arrays import require_float32_vector
from ablate.statistics.panel import Panel
from ablate.store import arrays, schema
from ablate.store.database import Database
from ablate.store.place import locate, store_errors
from ablate.store.records import RunInfo, StoredMask, from_row, to_row
from ablate.store.run_log import RunLog
from ablate.store.schema import Damaged, check_name, pack, unpack
from ablate.tasks.result import Result

__all__ = ["Result", "RunInfo", "Store", "StoredMask"]

_CHUNK = 500  # keys a query: older SQLite takes no more than 999 parameters


class Store(RunLog):
    """Opens the store at ``url``: a path, or a SQLAlchemy URL.

    With ``create`` it is made where there is none; its folder must exist. Arrays lie in a folder beside it
    (``ablate.db`` -> ``ablate.db.files``), for a database other than SQLite in ``./ablate.files``.

    Of two puts under one key the first stays; the second does nothing.

    Raises:
        StoreError: here, it cannot be opened, is another program's or a newer ablate's (whose file is then
            left as it was), or there is none and ``create`` is False; in every method, the database or the
            disk fails, or a key holds NUL or a lone surrogate.
    """

    def __init__(self, url: str | Path, *, create: bool = True) -> None:
        place = locate(url)
        super().__init__(Database(place, create))
        self.name = self._name = place.name
        self._files = place.files
        if create:
            with store_errors(self._name):
                arrays.sweep(self._files)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get_scores(self, key: str) -> NDArray[np.float32] | None:
        """The contributions put under ``key``, float32 [units], or None."""
        found = self._load(schema.scores, key)
        return None if found is None else found[1][0]

    def scores_about(self, key: str) -> dict[str, Any] | None:
        """What was put with the contributions, without reading them."""
        entry = self._entry(schema.scores, key)
        return None if entry is None else dict(entry["about"])

    def put_scores(self, key: str, scores: NDArray[np.float32], about: Mapping[str, Any]) -> None:
        """Keeps contributions, float32 [units]. ``about``: anything that JSON can hold, such as ``seconds``.

        Raises:
            ValueError: the scores are not a float32 vector, or one is NaN.
        """
        require_float32_vector("scores", scores)
        if np.isnan(scores).any():
            raise ValueError("a contribution is NaN")
        self._put_file(schema.scores, key, {"about": dict(about)}, [scores])

    def get_mask(self, key: str) -> StoredMask | None:
        """The mask put under ``key``, or None."""
        found = self._load(schema.masks, key)
        if found is None:
            return None
        entry, bits = found
        return StoredMask(entry["hash"], arrays.unpack_units(entry["units"], bits), entry["about"])

    def mask_about(self, key: str) -> dict[str, Any] | None:
        """The mask's ``about`` and its ``hash``, without reading its bits."""
        entry = self._entry(schema.masks, key)
        return None if entry is None else {**entry["about"], "hash": entry["hash"]}

    def mask_keys(self, beginning: str) -> list[str]:
        """The keys of stored masks that begin so (with hexadecimal digits)."""
        with self._database.reading() as connection:
            found = connection.execute(select(schema.masks.c.key).where(schema.masks.c.key.startswith(beginning)))
            return [str(key) for (key,) in found]

    def put_mask(self, key: str, mask: StoredMask) -> None:
        """Keeps a mask.

        Raises:
            ValueError: the bits of a granularity are not a bool vector.
        """
        sizes, bits = arrays.pack_units(mask.units)
        self._put_file(schema.masks, key, {"hash": mask.hash, "units": sizes, "about": mask.about}, bits)

    def get_trained(self, key: str) -> dict[str, NDArray[np.float32]] | None:
        """The weights put under ``key``, by name, or None."""
        found = self._load(schema.trained, key)
        return None if found is None else dict(zip(found[0]["names"], found[1], strict=True))

    def trained_about(self, key: str) -> dict[str, Any] | None:
        """What was put with trained weights, and their ``hash``, without reading them."""
        entry = self._entry(schema.trained, key)
        return None if entry is None else {**entry["about"], "hash": entry["file"]}

    def trained_file(self, key: str) -> WeightsFile | None:
        """Where the weights put under ``key`` are, for those who do not open the store; None if it has none."""
        entry = self._entry(schema.trained, key)
        if entry is None:
            return None
        return WeightsFile(key, arrays.path_of(self._files, entry["file"]), entry["file"], tuple(entry["names"]))

    def put_trained(self, key: str, weights: Mapping[str, NDArray[np.float32]], about: Mapping[str, Any]) -> None:
        """Keeps trained weights, and removes the checkpoints of their training."""
        entry = {"names": list(weights), "about": dict(about)}
        self._put_file(schema.trained, key, entry, list(weights.values()))
        with store_errors(self._name):
            shutil.rmtree(self._checkpoints(key), ignore_errors=True)
            # Whoever waits for it looks for the weights before anything else.
            self._checkpoints(key).with_suffix(".lock").unlink(missing_ok=True)

    @contextmanager
    def checkpoints(self, key: str) -> Iterator[Path]:
        """A folder for the checkpoints of one training; another process that wants the same one waits."""
        folder = self._checkpoints(key)
        with store_errors(self._name):
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder.with_suffix(".lock"))
            lock.acquire()
        try:
            yield folder
        finally:
            lock.release()

    def _checkpoints(self, key: str) -> Path:
        return self._files / "training" / key[:32]

    def get_results(self, keys: Iterable[str], *, values: bool = True) -> dict[str, Result]:
        """Those results that are there, in the order of ``keys``; with their ``values`` if asked for."""
        wanted = list(dict.fromkeys(keys))
        table = schema.results.c
        query = select(table.key, table.entry, *([table.similarities] if values else []))
        found: dict[str, Result] = {}
        damaged: dict[str, Damaged] = {}
        for key in wanted:
            check_name("key", key)
        with self._database.reading() as connection:
            for start in range(0, len(wanted), _CHUNK):
                chunk = query.where(table.key.in_(wanted[start : start + _CHUNK]))
                for row in connection.execute(chunk):
                    try:
                        found[row.key] = from_row(row.key, row.entry, row.similarities if values else None, values)
                    except Damaged as damage:
                        damaged[row.key] = damage
        for key, why in damaged.items():
            self._forget(schema.results, key, why)
        return {key: found[key] for key in wanted if key in found}

    def put_results(self, results: Mapping[str, Result]) -> None:
        """Keeps results, all in one transaction."""
        self._insert(schema.results, [to_row(key, result) for key, result in results.items()])

    def get_panel(self, key: str) -> Panel | None:
        """The panel put under ``key``, or None."""
        found = self._load(schema.panels, key)
        return None if found is None else Panel(found[0]["task"], *found[1])

    def put_panel(self, panel: Panel) -> str:
        """Keeps a panel, and gives its key."""
        content = [panel.gold, panel.kept, panel.cluster, panel.stratum]
        self._put_file(schema.panels, panel.key, {"task": panel.task}, content)
        return panel.key

    def _entry(self, table: Table, key: str) -> dict[str, Any] | None:
        check_name("key", key)
        with self._database.reading() as connection:
            text = connection.execute(select(table.c.entry).where(table.c.key == key)).scalar()
        try:
            return None if text is None else dict(unpack(key, text))
        except Damaged as damage:
            self._forget(table, key, damage)
            return None

    def _load(self, table: Table, key: str) -> tuple[dict[str, Any], list[NDArray[Any]]] | None:
        entry = self._entry(table, key)
        if entry is None:
            return None
        try:
            with store_errors(self._name):
                return entry, arrays.read(self._files, entry["file"])
        except Damaged as damage:
            self._forget(table, key, damage)
            return None

    def _put_file(self, table: Table, key: str, entry: dict[str, Any], content: list[NDArray[Any]]) -> None:
        check_name("key", key)
        digest, data = arrays.serialize(content)
        row = {"key": key, "entry": pack(key, {**entry, "file": digest})}
        with self._database.reading() as connection:
            if _present(connection, table, [key]):
                return
        # The file first: an entry never names a file that is not on the disk.
        with store_errors(self._name):
            arrays.write(self._files, digest, data)
        self._insert(table, [row])

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            check_name("key", row["key"])

        def work(connection: Connection) -> None:
            present = _present(connection, table, [row["key"] for row in rows])
            new = [row for row in rows if row["key"] not in present]
            if new:
                connection.execute(insert(table), new)

        self._database.commit(work)

    def _forget(self, table: Table, key: str, damage: Damaged) -> None:
        self._database.commit(lambda connection: connection.execute(delete(table).where(table.c.key == key)))
        warnings.warn(f"the store {self._name}: {damage}; it will be computed again", RuntimeWarning, stacklevel=4)


def _present(connection: Connection, table: Table, keys: list[str]) -> set[str]:
    present: set[str] = set()
    for start in range(0, len(keys), _CHUNK):
        query = select(table.c.key).where(table.c.key.in_(keys[start : start + _CHUNK]))
        present.update(connection.execute(query).scalars())
    return present
