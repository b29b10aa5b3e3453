"""The store keeps results under keys of what they were computed from, so that nothing is computed twice.

Results are in the database. Score arrays, masks, trained weights and panels have an entry in the database and a file
in a folder next to it or, on PostgreSQL, in a table. What was stored survives a kill at any moment. The store never
returns wrong data: an entry that does not match its checksum is deleted with a warning, and so is computed again. In a
run, only the coordinator's process opens the store. Several runs may share one. An open store must not be used after a
fork.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, delete, select

from ablate.models.weights_file import WeightsFile
from ablate.statistics.arrays import require_float32_vector
from ablate.statistics.panel import Panel
from ablate.store import arrays, schema
from ablate.store.database import Database, insert_new
from ablate.store.entries import Entries
from ablate.store.place import locate, store_errors
from ablate.store.records import (
    RunInfo,
    StoredMask,
    from_row,
    mask_of,
    panel_of,
    scores_of,
    to_row,
    trained_of,
)
from ablate.store.run_log import RunLog
from ablate.store.schema import Damaged, pack, unpack
from ablate.tasks.result import Result

_POLL_SECONDS = 1.0

__all__ = ["Result", "RunInfo", "Store", "StoredMask"]


class Store(Entries, RunLog):
    """An open store.

    If something is stored twice under one key, the second is ignored.

    Args:
        url: a path, or the URL of a PostgreSQL database. The arrays of ``ablate.db`` are in the folder
            ``ablate.db.files``; PostgreSQL has them in a table.
        create: create the store if it does not exist. Its folder must exist.

    Raises:
        StoreError: the store cannot be opened, belongs to another program or to a newer ablate (nothing is changed
            then), or does not exist and ``create`` is False. Every method raises it if the database or the disk fails,
            or if a key contains NUL or a lone surrogate.
    """

    def __init__(self, url: str | Path, *, create: bool = True) -> None:
        place = locate(url)
        super().__init__(Database(place, create), place)
        if create:
            with store_errors(self.name):
                self._arrays.sweep()

    def close(self) -> None:
        self.claims.close()
        self._arrays.close()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get_scores(self, key: str) -> NDArray[np.float32] | None:
        """The contributions stored under ``key``, float32 [units], or None."""
        return self._load(schema.scores, key, scores_of)

    def scores_about(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The ``about`` of the contributions stored under each of ``keys``. The contributions are not read."""
        return {key: entry["about"] for key, entry in self._entries(schema.scores, keys).items()}

    def put_scores(self, key: str, scores: NDArray[np.float32], about: Mapping[str, Any]) -> None:
        """Stores contributions, float32 [units].

        Args:
            about: a JSON object, such as ``{"seconds": 1.5}``.

        Raises:
            ValueError: the scores are not a float32 vector, or one is NaN.
        """
        require_float32_vector("scores", scores)
        if np.isnan(scores).any():
            raise ValueError("a contribution is NaN")
        self._put_file(schema.scores, key, {"about": dict(about)}, [scores])

    def get_mask(self, key: str) -> StoredMask | None:
        """The mask stored under ``key``, or None."""
        return self._load(schema.masks, key, mask_of)

    def mask_about(self, key: str) -> dict[str, Any] | None:
        """What :meth:`masks_about` returns for one key, or None."""
        return self.masks_about([key]).get(key)

    def masks_about(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The ``about`` and the ``hash`` of the mask stored under each of ``keys``. The bits are not read."""
        return {
            key: {**entry["about"], "hash": entry["hash"]} for key, entry in self._entries(schema.masks, keys).items()
        }

    def mask_keys(self, prefix: str) -> list[str]:
        """The keys of stored masks that start with ``prefix``, which consists of hexadecimal digits."""
        with self._database.reading() as connection:
            rows = connection.execute(select(schema.masks.c.key).where(schema.masks.c.key.startswith(prefix)))
            return [str(key) for (key,) in rows]

    def put_mask(self, key: str, mask: StoredMask) -> None:
        """Stores a mask.

        Raises:
            ValueError: the bits of a granularity are not a bool vector.
        """
        sizes, bits = arrays.pack_units(mask.units)
        self._put_file(schema.masks, key, {"hash": mask.hash, "units": sizes, "about": mask.about}, bits)

    def get_trained(self, key: str) -> dict[str, NDArray[np.float32]] | None:
        """The trained weights stored under ``key``, by name, or None."""
        return self._load(schema.trained, key, trained_of)

    def trained_about(self, key: str) -> dict[str, Any] | None:
        """The ``about`` of trained weights and their ``hash``, or None. The weights are not read."""
        entry = self._entry(schema.trained, key)
        return None if entry is None else {**entry["about"], "hash": entry["file"]}

    def trained_file(self, key: str) -> WeightsFile | None:
        """The file of the weights stored under ``key``, for processes that do not open the store; or None."""
        entry = self._entry(schema.trained, key)
        if entry is None:
            return None
        try:
            with store_errors(self.name):
                file = self._arrays.file(entry["file"])
        except Damaged as damage:
            self._forget(schema.trained, key, damage)
            return None
        return WeightsFile(key, file, entry["file"], tuple(entry["names"]))

    def put_trained(self, key: str, weights: Mapping[str, NDArray[np.float32]], about: Mapping[str, Any]) -> None:
        """Stores trained weights and removes the checkpoints of their training."""
        entry = {"names": list(weights), "about": dict(about)}
        self._put_file(schema.trained, key, entry, list(weights.values()))
        self.remove_checkpoints(key)

    def remove_checkpoints(self, key: str) -> None:
        """Removes the checkpoints of a training whose weights are stored, if there are any."""
        with store_errors(self.name):
            shutil.rmtree(self._checkpoints(key), ignore_errors=True)
            # The lock file can be removed too: a process that waits for it looks for the weights before it trains.
            self._checkpoints(key).with_suffix(".lock").unlink(missing_ok=True)

    @contextmanager
    def checkpoints(self, key: str) -> Iterator[Path]:
        """A folder for the checkpoints of one training. It is locked, and another process that wants it waits.

        On PostgreSQL the folder is one of this machine, and a claim keeps other machines waiting.
        """
        folder = self._checkpoints(key)
        claim = [] if self._in_folder else [f"training {key}"]
        while claim and not self.claims.take(claim).mine:
            time.sleep(_POLL_SECONDS)
        try:
            with store_errors(self.name):
                folder.mkdir(parents=True, exist_ok=True)
                lock = FileLock(folder.with_suffix(".lock"))
                lock.acquire()
            try:
                yield folder
            finally:
                lock.release()
        finally:
            self.claims.release(claim)

    def _checkpoints(self, key: str) -> Path:
        # Half of a key, 128 bits, is still unique, and keeps the paths of checkpoints short.
        return self._files / "training" / key[:32]

    def get_results(self, keys: Iterable[str], *, values: bool = True) -> dict[str, Result]:
        """The results that are stored under ``keys``, in the order of ``keys``; absent keys are left out.

        Args:
            values: whether to read the ``values`` of each result; otherwise they are None.
        """
        table = schema.results.c
        columns = [table.key, table.entry, *([table.similarities] if values else [])]

        def read(row: Row[Any]) -> Result:
            return from_row(row.key, row.entry, row.similarities if values else None, values)

        return self._read(schema.results, keys, columns, read)

    def put_results(self, results: Mapping[str, Result]) -> None:
        """Stores results in one transaction."""
        self._insert(schema.results, [to_row(key, result) for key, result in results.items()])

    def get_judgments(self, keys: Iterable[str]) -> dict[str, Any]:
        """The judgment stored under each of ``keys``, any JSON value; absent keys are left out."""
        table = schema.judgments
        return self._read(table, keys, [table.c.key, table.c.entry], lambda row: unpack(row.key, row.entry))

    def put_judgments(self, judgments: Mapping[str, Any]) -> None:
        """Stores judgments, any JSON values, in one transaction."""
        self._insert(schema.judgments, [{"key": key, "entry": pack(key, one)} for key, one in judgments.items()])

    def get_costs(self, keys: Iterable[str]) -> dict[str, Any]:
        """What was measured under each of ``keys``, JSON objects; absent keys are left out."""
        table = schema.costs
        return self._read(table, keys, [table.c.key, table.c.entry], lambda row: unpack(row.key, row.entry))

    def put_costs(self, costs: Mapping[str, Any]) -> None:
        """Stores measurements, JSON objects, in place of earlier ones, in one transaction."""
        rows = [{"key": key, "entry": pack(key, one)} for key, one in costs.items()]

        def work(connection: Connection) -> None:
            connection.execute(delete(schema.costs).where(schema.costs.c.key.in_(list(costs))))
            insert_new(connection, schema.costs, rows)

        self._database.commit(work)

    def get_panel(self, key: str) -> Panel | None:
        """The panel stored under ``key``, or None."""
        return self._load(schema.panels, key, panel_of)

    def put_panel(self, panel: Panel) -> str:
        """Stores a panel and returns its key."""
        self._put_file(schema.panels, panel.key, {"task": panel.task}, panel.arrays)
        return panel.key
