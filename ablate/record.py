"""The record of a run: one row for each cell and task, dense included, and what the run was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]

JUDGED = ("low", "high", "p", "q", "verdict", "smallest_effect")
"""The fields of a row that are filled in once the run's cells are judged together."""

FIELDS: tuple[str, ...] = (
    *("model", "data", "granularity", "scorer", "scope", "seed", "sparsity", "sparsity_achieved"),
    *("units_removed", "params_removed", "steps"),
    *("task", "split", "metric", "unit", "higher_is_better"),
    *("n", "score", "dense", "delta", "n_clean", "score_clean", "dense_clean", "delta_clean"),
    *("status", "seconds", "key"),
    *("cell", "stage", "control", "control_of", "draw", "chosen", "reason", "cached"),
    *("params_total", "units_total", "result"),
    *JUDGED,
    *("way", "train_seed"),
)
"""The keys of every row, and the columns of a CSV file, in this order."""

_NEEDED_ABOUT = ("models", "data", "screen", "confirm", "overlap", "exploratory")


@dataclass(frozen=True, repr=False)
class RunRecord:
    """The rows of a run, and what it was.

    rows: one for each cell and task, dense included (``scorer`` None, ``cell`` ``dense``); each has exactly
        :data:`FIELDS`, None for what does not apply. ``score``, ``dense`` and ``delta`` are in ``unit``
        (points: Spearman × 100) on the full standard set, the ``_clean`` ones without the pairs that
        calibration or choice has seen; None where they have no value.
    about: ``models``, ``data``, ``screen`` and ``confirm`` (task names), ``overlap`` (``drop``, ``keep``) and
        ``exploratory``; and, printed where present, ``data_why``, ``timings`` (stage -> seconds), ``run``,
        ``store``, ``command``, and the numbers of cells ``cached``, ``computed`` and ``failed``.

    Raises:
        ValueError: a row lacks a field or has another, holds NaN or infinity, or has a score without status
            ``ok`` or the reverse: a bug in what made it, so no AblateError.
    """

    rows: list[Row]
    about: dict[str, Any]

    def __post_init__(self) -> None:
        for place, row in enumerate(self.rows):
            _check(row, f"row {place}")
        lacking = [name for name in _NEEDED_ABOUT if name not in self.about]
        if lacking:
            raise ValueError(f"about lacks {', '.join(lacking)}")

    @property
    def failed(self) -> list[Row]:
        """The rows whose computation failed; ``reason`` says why."""
        return [row for row in self.rows if row["status"] == "failed"]

    @property
    def undefined(self) -> list[Row]:
        """The rows whose score has no value on their data; ``reason`` says why."""
        return [row for row in self.rows if row["status"] == "undefined"]

    @property
    def evidence(self) -> list[dict[str, Any]]:
        """One dict for each cell, task and comparison: see :func:`ablate.judge.evidence.judge_stage`."""
        return list(self.about.get("evidence", []))


def _check(row: Mapping[str, Any], place: str) -> None:
    wrong = sorted(set(FIELDS) ^ set(row))
    if wrong:
        raise ValueError(f"{place}: absent or unknown: {', '.join(map(str, wrong))}")
    for field, value in row.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{place}: {field} is {value}; what is undefined must be None")
    if row["status"] not in ("ok", "undefined", "failed"):
        raise ValueError(f"{place}: status {row['status']!r} is not ok, undefined or failed")
    if (row["score"] is None) == (row["status"] == "ok"):
        raise ValueError(f"{place}: status {row['status']} with score {row['score']}")
