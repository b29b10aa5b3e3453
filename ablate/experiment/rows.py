"""From stored results to the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ablate.errors import Undefined
from ablate.experiment.evaluate import Loaded
from ablate.experiment.plan import Cell
from ablate.experiment.store import Result
from ablate.report.results import Row


@dataclass(frozen=True)
class Outcome:
    """What became of one cell: its results by task name, or why there are none.

    key: the cell's key. about: what the store knows of its mask. cached: nothing had to be evaluated.
    """

    cell: Cell
    key: str
    about: Mapping[str, Any]
    results: Mapping[str, Result]
    failure: str | None = None
    cached: bool = False


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
    return [
        {
            **fixed,
            **_of_cell(outcome.cell),
            **_of_mask(outcome),
            "chosen": bool(fixed["chosen"] and outcome.cell.steps and not outcome.cell.control),
            "control_of": _short(controls.get(outcome.key)),
            "task": task.name,
            **task.task.about(),
            **_scores(task, outcome, dense),
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


def _scores(task: Loaded, outcome: Outcome, dense: Outcome) -> Row:
    result = outcome.results.get(task.name)
    full, clean, reason = _both(task, result)
    dense_full, dense_clean, _ = _both(task, dense.results.get(task.name))
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
        "reason": outcome.failure or reason,
        "seconds": result.seconds if result else None,
    }


def _both(task: Loaded, result: Result | None) -> tuple[float | None, float | None, str | None]:
    """The score on all pairs and on the clean ones, and why one of them is lacking."""
    if result is None or result.values is None or result.score is None:
        return None, None, result.reason if result else None
    try:
        return result.score, task.task.score(task.data, result.values, task.kept), None
    except Undefined as reason:
        return result.score, None, f"without overlapping pairs: {reason}"


def _short(key: str | None) -> str | None:
    return None if key is None else key[:16]


def _difference(score: float | None, dense: float | None) -> float | None:
    return None if score is None or dense is None else score - dense
