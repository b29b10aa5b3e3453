"""The rows of a cell that racing has stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ablate.coordinator.rows import CellOutcome, Shared, make_rows
from ablate.plan.plan import DENSE
from ablate.plugin import Plugin
from ablate.record import Row
from ablate.tasks.loaded import Loaded


@dataclass(frozen=True)
class Stopped:
    """A cell that has stopped. tasks: what it was evaluated on. dense, outcome: on these, the latter of the cell."""

    tasks: Sequence[Loaded]
    dense: CellOutcome
    outcome: CellOutcome


def stopped_rows(
    shared: Shared,
    tasks: Sequence[Loaded],
    stopped: Stopped,
    reason_of: Callable[[BaseException, Plugin], str],
) -> list[Row]:
    """The rows of a stopped cell, one for each task: of those on which it did not race, on no item at all."""
    made = make_rows(shared, stopped.tasks, stopped.dense, [stopped.outcome], {}, reason_of)
    rows = {row.task: replace(row, status="stopped") for row in made if row.cell != str(DENSE)}
    first = next(iter(rows.values()))
    return [rows.get(task.name) or _unseen(first, task) for task in tasks]


def _unseen(row: Row, loaded: Loaded) -> Row:
    task = loaded.task
    return replace(
        row,
        task=loaded.name,
        dim=loaded.dim,
        split=task.split,
        metric=task.metric,
        unit=task.unit,
        higher_is_better=task.higher_is_better,
        n=0,
        n_clean=0,
        reason="stopped before this task",
        score=None,
        dense=None,
        delta=None,
        score_clean=None,
        dense_clean=None,
        delta_clean=None,
        seconds=None,
        result=None,
        device=None,
    )
