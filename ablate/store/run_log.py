"""The part of a store that remembers runs: what was asked, chosen, read and found."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ablate.errors import StoreError, suggest
from ablate.store import schema
from ablate.store.database import Database
from ablate.store.records import RunInfo
from ablate.store.schema import Damaged, check_name, pack, unpack


class RunLog:
    """Every method raises StoreError if the database fails, or if it names a run that is not in the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_run(self, manifest: Mapping[str, Any]) -> str:
        """Records what is about to run (command, recipe, versions, data label) and gives the run's new id."""

        def work(connection: Connection) -> str:
            run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
            entry = pack(run, dict(manifest))
            connection.execute(insert(schema.runs).values(id=run, started=time.time(), manifest=entry))
            return run

        return self._database.commit(work)

    def record_choice(self, run: str, choice: Mapping[str, Any]) -> None:
        """Records what was chosen on the dev split, with the time; on return it is committed.

        The same choice may be recorded again, as a run that goes on does.

        Raises:
            StoreError: the run has recorded a different choice.
        """
        entry = pack(run, dict(choice))

        def work(connection: Connection) -> None:
            found = _find(connection, run).choice
            if found is None:
                change = update(schema.runs).where(schema.runs.c.id == run)
                connection.execute(change.values(choice=entry, chosen=time.time()))
            elif _content(run, found) != _content(run, entry):
                raise StoreError(
                    f"run {run} has recorded a different choice, before it read a test set: start a new run"
                )

        self._database.commit(work)

    def record_reads(self, run: str, tasks: Iterable[str], cells: int) -> None:
        """Logs that each of ``tasks``, test sets, is read now for ``cells`` cells."""
        names = list(tasks)
        for name in names:
            check_name("task", name)

        def work(connection: Connection) -> None:
            _find(connection, run)
            at = time.time()
            if names:
                connection.execute(
                    insert(schema.reads), [{"run": run, "task": n, "cells": cells, "at": at} for n in names]
                )

        self._database.commit(work)

    def reads(self) -> dict[str, int]:
        """Task -> how often :meth:`record_reads` recorded it, over the life of the store."""
        task = schema.reads.c.task
        with self._database.reading() as connection:
            counts = connection.execute(select(task, func.count()).group_by(task).order_by(task)).all()
        return {name: int(count) for name, count in counts}

    def put_rows(self, run: str, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
        """Puts a run's rows, in place of any before, in one transaction; the run is then finished."""
        entries = [{"run": run, "position": i, "entry": pack(f"{run} {i}", dict(row))} for i, row in enumerate(rows)]
        packed_about = pack(run, dict(about))

        def work(connection: Connection) -> None:
            _find(connection, run)
            connection.execute(delete(schema.rows).where(schema.rows.c.run == run))
            if entries:
                connection.execute(insert(schema.rows), entries)
            change = update(schema.runs).where(schema.runs.c.id == run)
            connection.execute(change.values(about=packed_about, finished=time.time()))

        self._database.commit(work)

    def runs(self) -> list[RunInfo]:
        """All runs, newest last."""
        counts = select(schema.rows.c.run, func.count().label("count")).group_by(schema.rows.c.run).subquery()
        query = (
            select(schema.runs, func.coalesce(counts.c.count, 0).label("count"))
            .outerjoin(counts, counts.c.run == schema.runs.c.id)
            .order_by(schema.runs.c.number)
        )
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        return [
            RunInfo(
                id=row.id,
                started=datetime.fromtimestamp(row.started, UTC),
                finished=_time(row.finished),
                manifest=_content(row.id, row.manifest),
                choice=None if row.choice is None else _content(row.id, row.choice),
                chosen=_time(row.chosen),
                rows=row._mapping["count"],
            )
            for row in found
        ]

    def rows(self, run: str) -> list[dict[str, Any]]:
        """The rows of a run, in their order; none if it has not finished."""
        query = select(schema.rows.c.entry).where(schema.rows.c.run == run).order_by(schema.rows.c.position)
        with self._database.reading() as connection:
            _find(connection, run)
            entries = connection.execute(query).scalars().all()
        return [_content(f"{run} {i}", entry) for i, entry in enumerate(entries)]

    def about(self, run: str) -> dict[str, Any]:
        """What was put with the rows of a run; empty if it has not finished."""
        with self._database.reading() as connection:
            text = _find(connection, run).about
        return {} if text is None else dict(_content(run, text))


def _find(connection: Connection, run: str) -> Row[Any]:
    check_name("run", run)
    # The lock matters where writers do not exclude each other, as on PostgreSQL; SQLite leaves it out.
    found = connection.execute(select(schema.runs).where(schema.runs.c.id == run).with_for_update()).one_or_none()
    if found is None:
        newest = select(schema.runs.c.id).order_by(schema.runs.c.number.desc()).limit(10)
        known = connection.execute(newest).scalars().all()
        raise StoreError(f"there is no run {run!r} in the store; {suggest(run, known)}")
    return found


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _content(owner: str, text: object) -> Any:
    try:
        return unpack(owner, text)
    except Damaged as damage:
        raise StoreError(f"{damage}: run it again, in another store (--store)") from None
