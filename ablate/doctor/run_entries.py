"""Checks the records of runs: the texts, that they convert strictly, their times, and that no row is missing."""

from __future__ import annotations

import math
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy import Row as DatabaseRow

from ablate.doctor.array_entries import STREAM, Files, short
from ablate.doctor.damage import Audit
from ablate.doctor.recomputed import Wanted
from ablate.errors import StoreError
from ablate.record import Manifest, Row, RunAbout, RunRecord, from_plain
from ablate.record.evidence import judged_alike
from ablate.store import schema
from ablate.store.schema import Damaged, unpack
from ablate.studies.prevalence_record import PrevalenceRecord
from ablate.studies.records import StudyRecord, from_dict
from ablate.studies.stability_record import StabilityRecord

_STUDIES: dict[str, type[StudyRecord]] = {kind.study: kind for kind in (PrevalenceRecord, StabilityRecord)}

_CLOCK = 5
"""Seconds between the two readings of the clock that make a run's id and its time, at most."""


class Use(NamedTuple):
    """A row that names a stored result. run: its id. panel: the key of the task's panel. clean: on the kept items."""

    run: str
    task: str
    panel: str
    score: float | None
    clean: float | None


@dataclass
class Runs:
    """What the records of runs say. It grows with the rows of a store, by some hundred bytes each.

    uses: result key -> the rows that name it. wanted: result key -> where the newest of them belongs.
    parameters: run -> task -> parameters. withheld: run -> tasks whose statistic did not serve.
    """

    uses: dict[bytes, set[Use]] = field(default_factory=dict)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    parameters: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    withheld: dict[str, frozenset[str]] = field(default_factory=dict)


def check_runs(connection: Connection, files: Files, audit: Audit) -> Runs:
    """Checks every run with its rows, and the log of reads.

    Args:
        files: what the store has of panels and masks.
    """
    runs = Runs()
    unreadable: dict[str, tuple[str, str]] = {}
    ids = connection.execute(select(schema.runs.c.id).order_by(schema.runs.c.number)).scalars().all()
    for run in ids:
        stored = connection.execute(select(schema.runs).where(schema.runs.c.id == run)).one()
        audit.checked["run"] += 1
        try:
            command, why = _check_run(connection, stored, files, runs, audit)
        except Damaged as damage:
            audit.add(schema.runs, run, short(damage, run))
            continue
        # A later run of the same command that can be read takes the place of an earlier one that cannot.
        if stored.about is not None:
            unreadable.pop(command, None)
            if why is not None:
                unreadable[command] = run, why
    for run, why in unreadable.values():
        what = why.removeprefix(f"run {run}: ")
        audit.add(schema.runs, run, f"is whole, but not in a form that this version reads: {what}", present=False)
    _check_reads(connection, audit)
    return runs


def _check_run(
    connection: Connection, stored: DatabaseRow[Any], files: Files, runs: Runs, audit: Audit
) -> tuple[str, str | None]:
    """The command of a run, and why its record cannot be read although nothing is damaged; None if it can.

    Raises:
        Damaged: what the run was asked to do, or what it chose, is damaged.
    """
    run = stored.id
    manifest = unpack(run, stored.manifest)
    choice = None if stored.choice is None else unpack(run, stored.choice)
    if not isinstance(manifest, dict) or not isinstance(choice, dict | None):
        raise Damaged(f"what is stored under {run!r} is not a manifest and a choice")
    if stored.choice is not None and stored.choice in (stored.manifest, stored.about):
        raise Damaged(f"the choice of {run!r} is another part of its record")
    if (fault := _times(stored)) is not None:
        raise Damaged(fault)
    rows = _Rows(run, audit)
    about: RunAbout | None = None
    why: str | None = None
    try:
        plain = _about(stored)
        if (study := manifest.get("study")) in _STUDIES and plain is not None:
            from_dict(_STUDIES[study], plain)
        elif plain is not None:
            from_plain(Manifest, manifest)
            about = RunRecord.from_plain([], plain).about
            _note_about(about, files, runs, audit)
            rows.of(plain, about, files, runs)
    except Damaged as damage:
        rows.faults[short(damage, run)] += 1
    except (ValueError, StoreError) as error:
        why = str(error)
    rows.read(connection)
    if plain_rows := rows.count and stored.about is None:
        rows.faults["a row has no record of its run"] += plain_rows
    if not rows.faults and why is None and about is not None and (fault := rows.counted(about)) is not None:
        rows.faults[fault] += 1
    if rows.faults:
        audit.add(schema.rows, run, "; ".join(map(_times_found, rows.faults.items())))
        return str(manifest.get("command") or ""), None
    return str(manifest.get("command") or ""), why or rows.unreadable


def _times_found(fault: tuple[str, int]) -> str:
    what, count = fault
    return what if count == 1 else f"{what} ({count} times)"


def _about(stored: DatabaseRow[Any]) -> dict[str, Any] | None:
    """What is stored with the rows of a run; None if it has not finished."""
    about = None if stored.about is None else unpack(stored.id, stored.about)
    if about is not None and (not isinstance(about, dict) or about.get("run") != stored.id):
        raise Damaged(f"what is stored with the rows under {stored.id!r} is not the record of the run")
    return about


def _note_about(about: RunAbout, files: Files, runs: Runs, audit: Audit) -> None:
    runs.parameters[about.run] = about.tasks or {}
    runs.withheld[about.run] = frozenset(line.partition(" (")[0] for line in about.withheld)
    needed = {key for of_stage in about.panels.values() for key in of_stage.values()}
    damaged = {damage.key for damage in audit.damages}
    for key in sorted(needed - set(files.panels) - damaged):
        audit.add(schema.panels, key, "is lost, and a run names it", f"run {about.run}", present=False)


class _Rows:
    """Reads the rows of one run, each by itself. faults: what is wrong with rows -> with how many."""

    def __init__(self, run: str, audit: Audit) -> None:
        self.run, self._audit = run, audit
        self.faults: Counter[str] = Counter()
        self.count = 0
        self.unreadable: str | None = None
        self._per_stage: Counter[str] = Counter()
        self._record: tuple[dict[str, Any], RunAbout, Files, Runs] | None = None

    def of(self, plain: dict[str, Any], about: RunAbout, files: Files, runs: Runs) -> None:
        """Sets what the rows are compared with. Without it, only their checksums are checked."""
        self._record = plain, about, files, runs

    def read(self, connection: Connection) -> None:
        rows = schema.rows.c
        query = select(rows.position, rows.entry).where(rows.run == self.run).order_by(rows.position)
        position = -1
        for position, text in connection.execute(query, execution_options=STREAM).tuples():
            self._audit.checked["row"] += 1
            self.count += 1
            try:
                row = unpack(f"{self.run} {position}", text)
            except Damaged:
                self.faults["a row does not match its checksum"] += 1
                continue
            if self._record is not None:
                self._compare(row, *self._record)
        if position + 1 != self.count:
            self.faults["a row is lost"] += position + 1 - self.count

    def _compare(self, plain: Any, plain_about: dict[str, Any], about: RunAbout, files: Files, runs: Runs) -> None:
        try:
            (plain,), _ = judged_alike([plain], plain_about)
            row = Row.from_dict(plain)
        except (TypeError, ValueError) as error:
            self.unreadable = str(error)
            return
        self._per_stage[row.stage] += 1
        panel = about.panels.get(row.stage, {}).get(row.task)
        if panel is None:
            self.faults["a row is of a task without a panel"] += 1
        elif row.status == "stopped":
            # Its result is on a part of the task's items, whose panel is not stored.
            if row.result is not None:
                runs.uses.setdefault(row.result.encode(), set())
        elif panel in files.panels and row.n not in (None, files.panels[panel]):
            self.faults["a row has another number of items than its task"] += 1
        elif row.result is not None:
            key, task = row.result, sys.intern(row.task)
            use = Use(about.run, task, panel, row.score, row.score_clean)
            runs.uses.setdefault(key.encode(), set()).add(use)
            cell = sys.intern(row.model), sys.intern(row.cell), sys.intern(row.key)
            runs.wanted[key] = Wanted(about.run, *cell, task, row.dim)
        # The dense model has no mask.
        if row.status != "failed" and row.steps + bool(row.way) and row.key not in files.masks:
            files.masks.add(row.key)  # so that it is named once
            self._audit.add(schema.masks, row.key, "is lost, and a run names it", row.cell, present=False)

    def counted(self, about: RunAbout) -> str | None:
        """What is wrong if there is not a row for each task of each cell; the record counts the cells."""
        tasks = {stage: len(panels) for stage, panels in about.panels.items()}
        if self.unreadable or not all(tasks.get(stage) for stage in self._per_stage):
            return None
        cells = sum(Fraction(count, tasks[stage]) for stage, count in self._per_stage.items())
        counted = about.cached + about.computed + about.failed
        if cells == counted:
            return None
        return f"the record counts {counted} cells, and the {self.count} rows are those of {float(cells):.4g}"


def _times(stored: DatabaseRow[Any]) -> str | None:
    """What is wrong with the times of a run, which have no checksum. Its id has the time at which it began."""
    times = [time for time in (stored.started, stored.chosen, stored.finished) if time is not None]
    if not all(isinstance(time, float | int) and math.isfinite(time) for time in times):
        return f"a time of {stored.id!r} is not a number"
    try:
        began = datetime.strptime(stored.id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return f"{stored.id!r} is not the id of a run"
    if not -_CLOCK <= stored.started - began <= _CLOCK + 1:
        return f"the run {stored.id!r} did not start at the time of its id"
    if (stored.chosen is None) != (stored.choice is None) or (stored.finished is None) != (stored.about is None):
        return f"the run {stored.id!r} has a time without a record, or a record without a time"
    return None


def _check_reads(connection: Connection, audit: Audit) -> None:
    """The log of reads has no checksums, but its numbers and names must be such."""
    reads = schema.reads.c
    query = select(reads.number, reads.run, reads.task, reads.cells, reads.at)
    for number, run, task, cells, at in connection.execute(query, execution_options=STREAM):
        audit.checked["read of a test set"] += 1
        named = all(isinstance(name, str) and name for name in (run, task))
        counted = isinstance(cells, int) and cells >= 0 and isinstance(at, float) and math.isfinite(at) and at > 0
        if not named or not counted:
            audit.add(schema.reads, str(number), "is not a run, a task, a number of cells and a time")
