"""From stored results to the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from ablate.errors import Undefined
from ablate.experiment.evaluate import Loaded
from ablate.experiment.plan import Cell
from ablate.experiment.store import Result
from ablate.report.results import JUDGED, Row

_Both = tuple[float | None, float | None, str | None]


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
) -> list[Row]:
    """One row for each cell and task, dense first.

    Args:
        fixed: the fields that are the same in every row: model, data, params_total, stage, chosen.
        controls: key of a control -> key of the cell that it belongs to.
    """
    of_dense = {task.name: _both(task, dense.results.get(task.name)) for task in tasks}
    return [
        {
            **fixed,
            **_of_cell(outcome.cell),
            **_of_mask(outcome),
            "chosen": bool(fixed["chosen"] and outcome.cell.steps and not outcome.cell.control),
            "control_of": _short(controls.get(outcome.key)),
            "task": task.name,
            **task.task.about(),
            **_scores(task, outcome, of_dense[task.name]),
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


def _scores(task: Loaded, outcome: Outcome, dense: _Both) -> Row:
    result = outcome.results.get(task.name)
    full, clean, reason = _both(task, result)
    dense_full, dense_clean, _ = dense
    return {
        "n": len(task.data),
        "n_clean": int(task.kept.sum()),
        "score": full,
        "dense": dense_full,
        "delta": _difference(full, dense_full),
        "score_clean": clean,
        "dense_clean": dense_clean,
        "delta_clean": _difference(clean, dense_clean),
        "status": result.status if result else "failed",
        "reason": outcome.failures.get(task.name) or reason,
        "seconds": result.seconds if result else None,
        "result": outcome.keys.get(task.name) if result else None,
        **dict.fromkeys(JUDGED),
    }


def _both(task: Loaded, result: Result | None) -> _Both:
    """The score on all pairs and on the clean ones, and why one of them is lacking."""
    if result is None or result.score is None:
        return None, None, result.reason if result else None
    assert result.values is not None
    if task.kept.all():
        return result.score, result.score, None
    try:
        clean = task.task.score(task.data, result.values, task.kept)
    except Undefined as reason:
        return result.score, None, f"without overlapping pairs: {reason}"
    if not isfinite(clean):
        return result.score, None, f"without overlapping pairs: the task's score is {clean}"
    return result.score, clean, None


def _short(key: str | None) -> str | None:
    return None if key is None else key[:16]


def _difference(score: float | None, dense: float | None) -> float | None:
    return None if score is None or dense is None else score - dense
