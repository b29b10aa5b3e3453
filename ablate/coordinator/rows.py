"""Makes the rows of a table from results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from ablate.errors import REASON, Undefined, message, shortened
from ablate.interrupts import any_failure
from ablate.plan.plan import Cell
from ablate.plugin import Plugin
from ablate.record import Row
from ablate.store.store import Result
from ablate.tasks.loaded import Loaded


@dataclass(frozen=True)
class CellOutcome:
    """The outcome of one cell: its results by task name, and for other tasks the reason (``failures``).

    key: the cell's key. about: what the store knows about its mask. cached: whether nothing had to be evaluated.
    keys: the keys of its results, by task name.
    """

    cell: Cell
    key: str
    about: Mapping[str, Any]
    results: Mapping[str, Result]
    failures: Mapping[str, str] = field(default_factory=dict)
    cached: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shared:
    """What all rows of one model's stage have in common; see :class:`~ablate.record.Row`."""

    model: str
    data: str
    params_total: int
    stage: str
    chosen: bool


def make_rows(
    shared: Shared,
    tasks: Sequence[Loaded],
    dense: CellOutcome,
    outcomes: Sequence[CellOutcome],
    controls: Mapping[str, str],
    reason_of: Callable[[BaseException, Plugin], str],
) -> list[Row]:
    """One row for each cell and task, dense first.

    Args:
        controls: key of a control -> key of the cell that it belongs to.
        reason_of: returns what a row says about an error of a task, or raises the error.
    """
    of_dense = {task.name: _scored(task, dense, reason_of) for task in tasks}
    return [
        _row(shared, task, outcome, controls, _scored(task, outcome, reason_of), of_dense[task.name])
        for outcome in (dense, *outcomes)
        for task in tasks
    ]


@dataclass(frozen=True)
class _TaskScore:
    """A score on all pairs and one on the clean pairs; ``reason`` says why one or both are absent."""

    status: str
    full: float | None = None
    clean: float | None = None
    reason: str | None = None


def _row(
    shared: Shared,
    task: Loaded,
    outcome: CellOutcome,
    controls: Mapping[str, str],
    scored: _TaskScore,
    dense: _TaskScore,
) -> Row:
    cell, only, mask = outcome.cell, outcome.cell.only, outcome.about
    result = outcome.results.get(task.name)
    readable = task.fault is None
    return Row(
        model=shared.model,
        data=task.data.source or shared.data,  # of an own file, its name and hash
        granularity=only.granularity.name if only else None,
        scorer=only.method if only else None,
        scope=only.scope if only else None,
        seed=only.seed if only else None,
        sparsity=only.sparsity if only else None,
        sparsity_achieved=mask.get("sparsity_achieved"),
        units_removed=mask.get("units_removed"),
        params_removed=mask.get("params_removed"),
        steps=sum(step.steps for step in cell.steps),
        task=task.name,
        split=task.task.split,
        metric=task.task.metric,
        unit=task.task.unit,
        higher_is_better=task.task.higher_is_better,
        n=len(task.data) if readable else None,
        score=scored.full,
        dense=dense.full,
        delta=_difference(scored.full, dense.full),
        n_clean=int(task.kept.sum()) if readable else None,
        score_clean=scored.clean,
        dense_clean=dense.clean,
        delta_clean=_difference(scored.clean, dense.clean),
        status=scored.status,
        seconds=result.seconds if result else None,
        key=short(outcome.key),
        cell=str(cell),
        stage=shared.stage,
        control=cell.control,
        control_of=short(controls[outcome.key]) if outcome.key in controls else None,
        draw=cell.draw,
        chosen=bool(shared.chosen and cell.steps and not cell.control),
        reason=scored.reason,
        cached=outcome.cached,
        params_total=shared.params_total,
        units_total=mask.get("units_total"),
        matching=mask.get("matching"),
        redrawn=mask.get("redrawn"),
        result=outcome.keys.get(task.name) if result and scored.status != "failed" else None,
        # A result of an older ablate does not say, and was computed on the CPU.
        device=result.about.get("device", "cpu") if result else None,
        way=cell.training.way if cell.training else None,
        train_seed=cell.training.seed if cell.training else None,
        dim=task.dim,
    )


def _scored(task: Loaded, outcome: CellOutcome, reason_of: Callable[[BaseException, Plugin], str]) -> _TaskScore:
    result = outcome.results.get(task.name)
    if result is None:
        return _TaskScore("failed", reason=outcome.failures.get(task.name))
    if result.score is None:
        return _TaskScore(result.status, reason=result.reason)
    if task.kept.all():
        return _TaskScore(result.status, result.score, result.score)
    if result.values is None:
        seen = int((~task.kept).sum())
        why = (
            f"{seen} of its {len(task.data)} texts have been seen, and it has no score without them; see overlap: keep"
        )
        return _TaskScore(result.status, result.score, None, why)
    without = "without overlapping pairs: "
    try:
        clean = task.task.score(task.data, result.values, task.kept)
    except Undefined as reason:
        return _TaskScore(result.status, result.score, None, shortened(without + message(reason), REASON))
    except any_failure() as error:  # a plug-in's task may raise anything; that must cost no other task
        return _TaskScore("failed", reason=shortened(without + reason_of(error, task.task), REASON))
    # A plug-in may return NaN where it should raise Undefined, and a row cannot have NaN.
    if not isfinite(clean):
        return _TaskScore(result.status, result.score, None, f"{without}the task's score is {clean}")
    return _TaskScore(result.status, result.score, clean)


def short(key: str) -> str:
    """The form of a cell's key in rows."""
    return key[:16]


def _difference(score: float | None, dense: float | None) -> float | None:
    return None if score is None or dense is None else score - dense
