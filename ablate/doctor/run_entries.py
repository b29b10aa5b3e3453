"""Checks the records of runs: the texts, that they convert strictly, their times, and that no row is missing."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy import Row as DatabaseRow

from ablate.doctor.array_entries import STREAM, short
from ablate.doctor.damage import Audit
from ablate.errors import StoreError
from ablate.record import Manifest, RunRecord, from_plain
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

    uses: result key -> the rows that name it. commands: run -> its command. parameters: run -> task -> parameters.
    withheld: run -> tasks whose statistic did not serve.
    """

    uses: dict[bytes, set[Use]] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    withheld: dict[str, frozenset[str]] = field(default_factory=dict)


def check_runs(connection: Connection, panels: dict[str, int], audit: Audit) -> Runs:
    """Checks every run with its rows, and the log of reads.

    Args:
        panels: the number of items of each panel.
    """
    runs = Runs()
    unreadable: dict[str, tuple[str, str]] = {}
    ids = connection.execute(select(schema.runs.c.id).order_by(schema.runs.c.number)).scalars().all()
    for run in ids:
        stored = connection.execute(select(schema.runs).where(schema.runs.c.id == run)).one()
        audit.checked["run"] += 1
        try:
            why = _check_run(connection, stored, panels, runs, audit)
        except Damaged as damage:
            audit.add(schema.runs, run, short(damage, run))
            continue
        command = runs.commands.get(run, "")
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
    connection: Connection, stored: DatabaseRow[Any], panels: dict[str, int], runs: Runs, audit: Audit
) -> str | None:
    """Why the record of a run cannot be read although nothing is damaged; None if it can.

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
    if isinstance(manifest.get("command"), str):
        runs.commands[run] = manifest["command"]
    rows, broken, lost = [], 0, 0
    for place, (position, text) in enumerate(_rows_of(connection, run)):
        audit.checked["row"] += 1
        lost = position - place
        try:
            rows.append(unpack(f"{run} {position}", text))
        except Damaged:
            broken += 1
    if broken or lost:
        audit.add(schema.rows, run, f"{broken} rows do not match their checksums, and {lost} are lost")
        return None
    return _check_record(stored, manifest, rows, panels, runs, audit)


def _check_record(
    stored: DatabaseRow[Any],
    manifest: dict[str, Any],
    rows: list[Any],
    panels: dict[str, int],
    runs: Runs,
    audit: Audit,
) -> str | None:
    run = stored.id
    try:
        about = None if stored.about is None else unpack(run, stored.about)
    except Damaged as damage:
        audit.add(schema.rows, run, short(damage, run))
        return None
    if about is None:
        if rows or stored.finished is not None:
            audit.add(schema.rows, run, f"{len(rows)} rows without a record of their run")
        return None
    if not isinstance(about, dict) or about.get("run") != run:
        audit.add(schema.rows, run, "what is stored with the rows is not the record of this run")
        return None
    try:
        if (study := manifest.get("study")) in _STUDIES:
            from_dict(_STUDIES[study], about)
            return None
        from_plain(Manifest, manifest)
        record = RunRecord.from_plain(rows, about)
    except (ValueError, StoreError) as error:
        return str(error)
    if (fault := _count(record)) is not None:
        audit.add(schema.rows, run, fault)
        return None
    _note_uses(record, panels, runs, audit)
    return None


def _count(record: RunRecord) -> str | None:
    """Whether there is a row for each task of each cell; the record counts the cells."""
    about = record.about
    tasks = {stage: len(panels) for stage, panels in about.panels.items()}
    per_stage = Counter(row.stage for row in record.rows)
    if set(per_stage) - set(tasks) or not all(tasks[stage] for stage in per_stage):
        return "rows of a stage that the record does not have"
    cells = sum(Fraction(count, tasks[stage]) for stage, count in per_stage.items())
    counted = about.cached + about.computed + about.failed
    if cells != counted:
        return f"{len(record.rows)} rows, which are those of {float(cells):g} cells, and the record counts {counted}"
    return None


def _note_uses(record: RunRecord, panels: dict[str, int], runs: Runs, audit: Audit) -> None:
    run, about = record.about.run, record.about
    runs.parameters[run] = about.tasks or {}
    runs.withheld[run] = frozenset(line.partition(" (")[0] for line in about.withheld)
    for key in {key for of_stage in about.panels.values() for key in of_stage.values()} - set(panels):
        audit.add(schema.panels, key, "is lost or damaged, and a run needs it", f"run {run}", present=False)
    faults = Counter[str]()
    for row in record.rows:
        panel = about.panels[row.stage].get(row.task)
        if panel is None:
            faults["are of a task without a panel"] += 1
        elif panel in panels and row.n not in (None, panels[panel]):
            faults["have another number of items than their task"] += 1
        elif row.result is not None:
            runs.uses.setdefault(row.result.encode(), set()).add(
                Use(run, sys.intern(row.task), panel, row.score, row.score_clean)
            )
    if faults:
        audit.add(schema.rows, run, "; ".join(f"{number} {what}" for what, number in faults.items()))


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


def _rows_of(connection: Connection, run: str) -> Iterator[tuple[int, object]]:
    rows = schema.rows.c
    query = select(rows.position, rows.entry).where(rows.run == run).order_by(rows.position)
    yield from connection.execute(query, execution_options=STREAM).tuples()


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
