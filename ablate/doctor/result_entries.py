"""Checks the stored results: their checksums, their sizes, and that scores follow from the values of the items."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import isclose
from typing import Any

from sqlalchemy import Connection, Table, inspect, select

from ablate.data.names import plain_name
from ablate.doctor.array_entries import STREAM, read_panel, short
from ablate.doctor.damage import Audit
from ablate.doctor.run_entries import Runs, Use
from ablate.errors import Undefined
from ablate.interrupts import any_failure
from ablate.judge.finding import from_json
from ablate.judge.judge import AGREE
from ablate.plan.tasks import make_task
from ablate.plugins import Registry
from ablate.record import Evidence, from_plain
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.metric import Statistic
from ablate.store import schema
from ablate.store.arrays import ArrayStore
from ablate.store.records import from_row
from ablate.store.schema import Damaged, unpack
from ablate.tasks.base import Task
from ablate.tasks.result import Result

_PANELS = 32
"""How many panels are in memory at a time."""


def check_results(connection: Connection, arrays: ArrayStore, runs: Runs, registry: Registry, audit: Audit) -> None:
    """Checks every stored result, and names those that rows of runs have and the store has not.

    Args:
        runs: from it the rows of each result are taken, so that afterwards it has only those of lost results.
    """
    checker = _Checker(connection, arrays, runs, registry, audit)
    table = schema.results.c
    query = select(table.key, table.entry, table.similarities)
    for key, entry, values in connection.execute(query, execution_options=STREAM):
        audit.checked["result"] += 1
        uses = runs.uses.pop(key.encode("utf-8", "surrogateescape"), set())
        try:
            result = from_row(key, entry, values, True)
        except Damaged as damage:
            audit.add(schema.results, key, short(damage, key))
            continue
        checker.check(key, result, uses)
    for lost, uses in runs.uses.items():
        tasks = ", ".join(sorted({f"{use.task} of run {use.run}" for use in uses}))
        audit.add(schema.results, lost.decode(), "is lost, and a run names it", tasks, present=False)


def check_judgments(connection: Connection, audit: Audit) -> None:
    """Checks the judgments of cells: their checksums, and that each is one that this version reads."""
    _check_entries(connection, audit, schema.judgments, "judgment", _read_judgment)


def check_costs(connection: Connection, audit: Audit) -> None:
    """Checks what was measured of cells' models: the checksums."""
    _check_entries(connection, audit, schema.costs, "measured cost", lambda _: None)


def _check_entries(connection: Connection, audit: Audit, table: Table, what: str, read: Callable[[Any], None]) -> None:
    """Checks the entries of a table. read: raises TypeError or ValueError if an entry is none of this version's."""
    # A store that an older ablate made, and that nothing has been written to since, lacks the table.
    if not inspect(connection).has_table(table.name):
        return
    for key, text in connection.execute(select(table.c.key, table.c.entry), execution_options=STREAM):
        audit.checked[what] += 1
        try:
            read(unpack(key, text))
        except Damaged as damage:
            audit.add(table, key, short(damage, key))
        except (TypeError, ValueError) as error:
            audit.add(table, key, f"what is stored under it is no {what} ({error})")


def _read_judgment(plain: Any) -> None:
    """Raises TypeError or ValueError if it is neither of one cell nor of a whole stage, as an older ablate stored."""
    if all(isinstance(item, Mapping) for item in plain):
        for item in plain:
            from_plain(Evidence, item)
    else:
        from_json(plain)


class _Checker:
    """Compares results with the panels and the rows that belong to them."""

    def __init__(
        self, connection: Connection, arrays: ArrayStore, runs: Runs, registry: Registry, audit: Audit
    ) -> None:
        self._runs, self._registry, self._audit = runs, registry, audit
        self._panel = lru_cache(_PANELS)(lambda key: read_panel(connection, arrays, key))
        self._of_task = lru_cache(None)(self._made)
        self._wrong_rows: set[str] = set()

    def check(self, key: str, result: Result, uses: set[Use]) -> None:
        for use in sorted(uses, key=str):
            if not _agree(use.score, result.score):
                self._wrong_row(use, "have another score than their stored results")
            wrong = self._wrong(result, use)
            if wrong is not None:
                self._audit.add(schema.results, key, wrong, f"{use.task} of run {use.run}")
                return

    def _wrong(self, result: Result, use: Use) -> str | None:
        """What is wrong with a result, on the items of one panel."""
        panel, values = self._panel(use.panel), result.values
        if panel is None or values is None:
            return None
        if len(values) != len(panel):
            return f"has {len(values)} values for the {len(panel)} items of {use.task}"
        statistic = self._statistic(use)
        if statistic is None:
            return None
        try:
            full = _score(statistic, values, panel.gold)
            clean = full if panel.kept.all() else _score(statistic, values[panel.kept], panel.gold[panel.kept])
        except any_failure() as error:  # a plug-in's statistic may raise anything
            self._audit.notes[f"scores on {use.task}: {type(error).__name__} in its statistic"] += 1
            return None
        if not _agree(full, result.score):
            return f"has the score {_text(result.score)}, and its values give {_text(full)}"
        if result.score is not None and not _agree(clean, use.clean):
            self._wrong_row(use, "have another score on the clean items than their stored results give")
        return None

    def _wrong_row(self, use: Use, what: str) -> None:
        if use.run not in self._wrong_rows:
            self._wrong_rows.add(use.run)
            self._audit.add(schema.rows, use.run, f"some {what}", use.task)

    def _statistic(self, use: Use) -> Statistic | None:
        """The statistic of a task; None, with a note, if it cannot tell whether a score is right."""
        task = plain_name(use.task)
        parameters = self._runs.parameters[use.run].get(task, {})
        why, statistic = self._of_task(task, json.dumps(parameters, sort_keys=True))
        if why is None and use.task in self._runs.withheld[use.run]:
            why = "the run withheld its evidence"
        if why is not None:
            self._audit.notes[f"scores on {use.task}: {why}"] += 1
        return statistic if why is None else None

    def _made(self, name: str, parameters: str) -> tuple[str | None, Statistic | None]:
        try:
            task = make_task(self._registry, name, {name: json.loads(parameters)})
            if type(task).statistic is Task.statistic:
                return "its score may need the texts, which the store does not have", None
            if task.version > 1:
                return f"version {task.version} of the task is installed, and earlier ones may have scored", None
            return None, task.statistic()
        except any_failure() as error:
            return " ".join(str(error).split()), None


def _score(statistic: Statistic, values: Values, gold: Floats) -> float | None:
    try:
        return statistic.value(values, gold)
    except Undefined:
        return None


def _agree(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=AGREE, abs_tol=1e-6)


def _text(score: float | None) -> str:
    return "no value" if score is None else f"{score:.4f}"
