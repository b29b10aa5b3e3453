"""From stored results to the rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from ablate.errors import FAILURES, Undefined
from ablate.plan.plan import Cell
from ablate.plugin import Plugin
from ablate.record import JUDGED, Row
from ablate.store.store import Result
from ablate.tasks.loaded import Loaded


@dataclass(frozen=True)
class Outcome:
    """What became of one cell: its results by task name, or (``failures``) why there is none.

    key: the cell's key. about: what the store knows of its mask. cached: nothing had to be evaluated.
    keys: of its results, by task name.
    """

    cell: Cell
    key: str
    about: Mapping[str, Any]
    results: Mapping[str, Result]
    failures: Mapping[str, str] = field(default_factory=dict)
    cached: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)


def make_rows(
    fixed: Mapping[str, Any],
    tasks: Sequence[Loaded],
    dense: Outcome,
    outcomes: Sequence[Outcome],
    controls: Mapping[str, str],
    reason_of: Callable[[BaseException, Plugin], str],
) -> list[Row]:
    """One row for each cell and task, dense first.

    Args:
        fixed: the fields that are the same in every row: model, data, params_total, stage, chosen.
        controls: key of a control -> key of the cell that it belongs to.
        reason_of: what a row says of an error of a task, or raises it.
    """
    of_dense = {task.name: _scored(task, dense, reason_of) for task in tasks}
    return [
        {
            **fixed,
            **_of_cell(outcome.cell),
            **_of_mask(outcome),
            "chosen": bool(fixed["chosen"] and outcome.cell.steps and not outcome.cell.control),
            "control_of": _short(controls.get(outcome.key)),
            "task": task.name,
            **task.task.about(),
            **_scores(task, outcome, _scored(task, outcome, reason_of), of_dense[task.name]),
        }
        for outcome in (dense, *outcomes)
        for task in tasks
    ]


def _of_cell(cell: Cell) -> Row:
    only = cell.only
    return {
        "cell": str(cell),
        "granularity": only.granularity.name if only else None,
        "scorer": only.label if only else None,
        "scope": only.scope if only else None,
        "seed": only.seed if only else None,
        "sparsity": only.sparsity if only else None,
        "steps": sum(step.steps for step in cell.steps),
        "way": cell.training.way if cell.training else None,
        "train_seed": cell.training.seed if cell.training else None,
        "control": cell.control,
        "draw": cell.draw,
    }


def _of_mask(outcome: Outcome) -> Row:
    about = outcome.about
    return {
        "key": _short(outcome.key),
        "cached": outcome.cached,
        "units_total": about.get("units_total"),
        "units_removed": about.get("units_removed"),
        "sparsity_achieved": about.get("sparsity_achieved"),
        "params_removed": about.get("params_removed"),
    }


@dataclass(frozen=True)
class _Scored:
    """A score on all pairs and on the clean ones, and why it has none, or why one of them is lacking."""

    status: str
    full: float | None = None
    clean: float | None = None
    reason: str | None = None


def _scores(task: Loaded, outcome: Outcome, own: _Scored, dense: _Scored) -> Row:
    result = outcome.results.get(task.name)
    return {
        "n": len(task.data) if task.fault is None else None,
        "n_clean": int(task.kept.sum()) if task.fault is None else None,
        "score": own.full,
        "dense": dense.full,
        "delta": _difference(own.full, dense.full),
        "score_clean": own.clean,
        "dense_clean": dense.clean,
        "delta_clean": _difference(own.clean, dense.clean),
        "status": own.status,
        "reason": own.reason,
        "seconds": result.seconds if result else None,
        "result": outcome.keys.get(task.name) if result and own.status != "failed" else None,
        **dict.fromkeys(JUDGED),
    }


def _scored(task: Loaded, outcome: Outcome, reason_of: Callable[[BaseException, Plugin], str]) -> _Scored:
    result = outcome.results.get(task.name)
    if result is None:
        return _Scored("failed", reason=outcome.failures.get(task.name))
    if result.score is None:
        return _Scored(result.status, reason=result.reason)
    assert result.values is not None
    if task.kept.all():
        return _Scored(result.status, result.score, result.score)
    without = "without overlapping pairs: "
    try:
        clean = task.task.score(task.data, result.values, task.kept)
    except Undefined as reason:
        return _Scored(result.status, result.score, None, f"{without}{reason}")
    except FAILURES as error:  # a plug-in's task may raise anything; that must cost no other task
        return _Scored("failed", reason=without + reason_of(error, task.task))
    if not isfinite(clean):
        return _Scored(result.status, result.score, None, f"{without}the task's score is {clean}")
    return _Scored(result.status, result.score, clean)


def _short(key: str | None) -> str | None:
    return None if key is None else key[:16]


def _difference(score: float | None, dense: float | None) -> float | None:
    return None if score is None or dense is None else score - dense
