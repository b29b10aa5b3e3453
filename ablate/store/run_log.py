"""The log of runs in a store: their recipes, choices, reads of test sets, and rows."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ablate.errors import StoreError, suggest
from ablate.redact import without_passwords
from ablate.store import schema
from ablate.store.database import Database
from ablate.store.records import RunInfo
from ablate.store.schema import Damaged, check_name, pack, unpack, unpack_all

_COUNT = "row_count"
"""Where the description of a run has the number of its rows."""


class RunLog:
    """Every method raises StoreError if the database fails or the named run is not in the store."""

    name: str
    _database: Database

    def begin_run(self, manifest: Mapping[str, Any]) -> str:
        """Records the start of a run and returns its new id.

        Args:
            manifest: what is to be run: command, recipe, versions, data label.
        """

        def work(connection: Connection) -> str:
            # The random digits distinguish runs that start in the same second.
            run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
            entry = pack(run, dict(manifest))
            connection.execute(insert(schema.runs).values(id=run, started=time.time(), manifest=entry))
            return run

        return self._database.commit(work)

    def record_choice(self, run: str, choice: Mapping[str, Any]) -> None:
        """Records what was chosen on the dev split, with the time. On return the record is on the disk.

        The same choice may be recorded again, for instance when an interrupted run continues.

        Raises:
            StoreError: the run has recorded a different choice.
        """
        entry = pack(run, dict(choice))

        def work(connection: Connection) -> None:
            recorded = _run_row(connection, run).choice
            if recorded is None:
                change = update(schema.runs).where(schema.runs.c.id == run)
                connection.execute(change.values(choice=entry, chosen=time.time()))
            elif self._content(run, recorded) != self._content(run, entry):
                raise StoreError(
                    f"run {run} has recorded a different choice, before it read a test set: start a new run"
                )

        self._database.commit(work)

    def record_reads(self, run: str, tasks: Iterable[str], cells: int) -> None:
        """Logs that each of these test sets is read now, to evaluate this many cells."""
        names = list(tasks)
        for name in names:
            check_name("task", name)

        def work(connection: Connection) -> None:
            _run_row(connection, run)
            at = time.time()
            if names:
                connection.execute(
                    insert(schema.reads), [{"run": run, "task": n, "cells": cells, "at": at} for n in names]
                )

        self._database.commit(work)

    def reads(self) -> dict[str, int]:
        """Task -> how often it was read in the life of the store, as :meth:`record_reads` logged it."""
        task = schema.reads.c.task
        with self._database.reading() as connection:
            counts = connection.execute(select(task, func.count()).group_by(task).order_by(task)).all()
        return {name: int(count) for name, count in counts}

    def put_rows(self, run: str, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
        """Stores the rows of a run, in place of earlier ones, and marks the run as finished, in one transaction."""
        entries = [{"run": run, "position": i, "entry": pack(f"{run} {i}", dict(row))} for i, row in enumerate(rows)]
        packed_about = pack(run, {**about, _COUNT: len(entries)})

        def work(connection: Connection) -> None:
            _run_row(connection, run)
            connection.execute(delete(schema.rows).where(schema.rows.c.run == run))
            if entries:
                connection.execute(insert(schema.rows), entries)
            change = update(schema.runs).where(schema.runs.c.id == run)
            connection.execute(change.values(about=packed_about, finished=time.time()))

        self._database.commit(work)

    def run_ids(self) -> list[str]:
        """The ids of all runs, oldest first. No record is read, so a damaged one does not matter."""
        query = select(schema.runs.c.id).order_by(schema.runs.c.number)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def runs(self) -> list[RunInfo]:
        """All runs, newest last."""
        counts = select(schema.rows.c.run, func.count().label("count")).group_by(schema.rows.c.run).subquery()
        # Without `about`, which has all evidence of a run.
        table = schema.runs.c
        columns = (table.id, table.started, table.finished, table.manifest, table.choice, table.chosen)
        query = (
            select(*columns, func.coalesce(counts.c.count, 0).label("count"))
            .select_from(schema.runs)
            .outerjoin(counts, counts.c.run == schema.runs.c.id)
            .order_by(schema.runs.c.number)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            RunInfo(
                id=row.id,
                started=self._time(row.id, row.started),
                finished=None if row.finished is None else self._time(row.id, row.finished),
                manifest=self._description(row.id, row.manifest),
                choice=None if row.choice is None else self._content(row.id, row.choice),
                chosen=None if row.chosen is None else self._time(row.id, row.chosen),
                rows=row._mapping["count"],
            )
            for row in rows
        ]

    def rows(self, run: str) -> list[dict[str, Any]]:
        """The rows of a run, in order; empty if the run has not finished.

        Raises:
            StoreError: also if rows are damaged or lost.
        """
        query = select(schema.rows.c.entry).where(schema.rows.c.run == run).order_by(schema.rows.c.position)
        with self._database.reading() as connection:
            text = _run_row(connection, run, lock=False).about
            entries = connection.execute(query).scalars().all()
        # An older ablate did not store how many there are.
        stored = self._content(run, text).get(_COUNT, len(entries)) if text else len(entries)
        if stored != len(entries):
            raise StoreError(f"{len(entries)} of the {stored} rows of run {run} are left: {self._mended}")
        try:
            return unpack_all({f"{run} {i}": entry for i, entry in enumerate(entries)})
        except Damaged as damage:
            raise self._described(damage) from None

    def about(self, run: str) -> dict[str, Any]:
        """What was stored with the rows of a run; empty if the run has not finished."""
        with self._database.reading() as connection:
            text = _run_row(connection, run, lock=False).about
        about = {} if text is None else self._description(run, text)
        about.pop(_COUNT, None)
        return about

    def _description(self, owner: str, text: object) -> dict[str, Any]:
        """What is stored about a run. Records of older versions may have a password in the URL of the store."""
        about = dict(self._content(owner, text))
        return about | {name: without_passwords(about[name]) for name in ("command", "store") if about.get(name)}

    def _content(self, owner: str, text: object) -> Any:
        try:
            return unpack(owner, text)
        except Damaged as damage:
            raise self._described(damage) from None

    def _time(self, owner: str, seconds: float) -> datetime:
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, OSError, TypeError, ValueError):
            raise self._described(Damaged(f"the time of run {owner} is damaged")) from None

    def _described(self, damage: Damaged) -> StoreError:
        return StoreError(f"{damage}: {self._mended}")

    @property
    def _mended(self) -> str:
        return f"`ablate doctor --store {self.name}` says how to mend the store, whose results stay as they are"


def _run_row(connection: Connection, run: str, *, lock: bool = True) -> Row[Any]:
    check_name("run", run)
    query = select(schema.runs).where(schema.runs.c.id == run)
    # The lock is for databases that run several writers at a time, such as PostgreSQL. SQLite ignores it.
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        newest = select(schema.runs.c.id).order_by(schema.runs.c.number.desc()).limit(10)
        known = connection.execute(newest).scalars().all()
        raise StoreError(f"there is no run {run!r} in the store; {suggest(run, known)}")
    return row
