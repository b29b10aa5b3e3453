"""A row of a run's table: one cell on one task, in one stage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ablate.record.plain import OMITTED, from_plain

STATUSES = ("ok", "undefined", "failed", "stopped")
"""Whether a row has a score, and if not, why; ``stopped``: its score is of a part of the items, or absent."""


# Keyword-only, because the fields are in the order of the columns, and some with defaults come before others without.
@dataclass(frozen=True, kw_only=True)
class Row:
    """One cell on one task, in one stage. Dense has rows of its own. None means that a field does not apply.

    What was run:
        model, data: their names in the run's record.
        granularity, scorer, scope, seed, sparsity: the cell's place in the grid; None for dense and for a cell of
            several steps. ``sparsity`` is what was asked for: a fraction in [0, 1), or ``negative``. ``seed`` is None
            for a scorer that uses none.
        sparsity_achieved: fraction of the units removed, in [0, 1].
        units_removed, params_removed: how many the mask removes. steps: how often units were scored and removed;
            0 for dense.
    On what:
        task, split, metric: ``split`` is ``train``, ``dev`` or ``test``. unit: of all scores of this row, usually
            points (Spearman × 100). higher_is_better: whether a higher score is better.
    What was found, in ``unit``:
        n: pairs of the task. score, dense, delta: the cell's score on all of them, the dense model's score, and their
            difference. n_clean, score_clean, dense_clean, delta_clean: the same on the pairs that neither calibration
            nor choice has seen.
        status: ``ok``; ``undefined``, if there is no score on these data; ``failed``; ``stopped``, if racing stopped
            the cell: then all of these, dense included, are of the items that it was evaluated on. reason: why a score
            or a clean score is absent. seconds: spent on the evaluation when it was computed.
    Where it belongs:
        key: of the cell, 16 hexadecimal digits. cell: its text, ``dense`` for the dense model. stage: ``screen`` or
            ``confirm``. control: None, ``matched``, ``searched`` or ``flipped``. control_of: the key of the cell that
            it is a control of. draw: the seed of a random mask. chosen: whether the screen has chosen the cell.
        matching: by what a draw is matched where that is more than the layer, as in ``unstructured: layer, matrix and
            decile of magnitude``. redrawn: the share of the cell's removed units that the draw keeps, in [0, 1]; None
            in a store of an older ablate.
        evaluations: of a confirmed cell that a search on dev found, and of a screened one whose mask was searched
            there, how many masks the search scored, whole or in part; of a ``searched`` control, of how many random
            masks it is the best on dev.
        draws_made, draws_asked: of a cell whose matched draws may stop early, how many were made in this stage (0 of a
            cell that is no better than dense), and of how many at most.
        cached: whether all results of the cell came from the store. params_total: all parameters of the model.
            units_total: units of the granularity. result: the key of the stored result, 64 hexadecimal digits.
            device: on which the result was computed, such as ``cpu``.
        dim: the task measured the first so many components of the embeddings, and ``task`` is as in ``stsb@128``; None
            for all components.
        draws_made, draws_asked and dim are left out of the plain record where they are None.
    The evidence against dense, once the cells are judged together (see :class:`~ablate.record.evidence.Evidence`):
        low, high, p_different, q_harms, q_improves, q_better, q_harmless, q_worse, verdict, smallest_improves,
        smallest_better. None of controls, and of cells with several seeds, which are judged by their mean.
        mean_verdict: the verdict on the mean over the tasks of the stage, with the tasks that are harmed: ``improves;
        harms sickr``.
    How it was trained:
        way, train_seed: None if the cell was not trained.

    Raises:
        ValueError: a number is NaN or infinite, the status is not one of the four, or a row that has not stopped has a
            score and is not ``ok``, or the reverse. It is a bug in what made the row, and so not an AblateError.
    """

    model: str
    data: str
    granularity: str | None
    scorer: str | None
    scope: str | None
    seed: int | None
    sparsity: float | str | None
    sparsity_achieved: float | None
    units_removed: int | None
    params_removed: int | None
    steps: int

    task: str
    split: str
    metric: str
    unit: str
    higher_is_better: bool

    n: int | None
    score: float | None
    dense: float | None
    delta: float | None
    n_clean: int | None
    score_clean: float | None
    dense_clean: float | None
    delta_clean: float | None
    status: str
    seconds: float | None

    key: str
    cell: str
    stage: str
    control: str | None
    control_of: str | None
    draw: int | None
    chosen: bool
    reason: str | None
    cached: bool
    params_total: int
    units_total: int | None
    result: str | None
    device: str | None
    matching: str | None = None
    redrawn: float | None = None
    evaluations: int | None = None

    low: float | None = None
    high: float | None = None
    p_different: float | None = None
    q_harms: float | None = None
    q_improves: float | None = None
    q_better: float | None = None
    q_harmless: float | None = None
    q_worse: float | None = None
    verdict: str | None = None
    mean_verdict: str | None = None
    smallest_improves: float | None = None
    smallest_better: float | None = None

    way: str | None
    train_seed: int | None

    draws_made: int | None = field(default=None, metadata=OMITTED)
    draws_asked: int | None = field(default=None, metadata=OMITTED)
    dim: int | None = field(default=None, metadata=OMITTED)

    def __post_init__(self) -> None:
        # The store refuses NaN and infinity too, since JSON does not have them.
        for name, value in vars(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{self._place}: {name} is {value}; what is undefined must be None")
        if self.status not in STATUSES:
            raise ValueError(f"{self._place}: status {self.status!r} is not ok, undefined, failed or stopped")
        if self.status != "stopped" and (self.score is None) == (self.status == "ok"):
            raise ValueError(f"{self._place}: status {self.status} with score {self.score}")

    @property
    def _place(self) -> str:
        return f"row of {self.cell} on {self.task}"

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Row:
        """A row from a store. Fields that an older ablate did not have are None, and unknown keys are ignored.

        Raises:
            ValueError: a value has the wrong type, or a field that every row has is absent.
        """
        return from_plain(cls, plain)

    def to_dict(self) -> dict[str, Any]:
        """The row as plain JSON values, in the order of :data:`FIELDS`; then those of :data:`RARE` that it has."""
        plain = dict(vars(self))
        for name in RARE:
            if plain[name] is None:
                del plain[name]
        return plain

    def score_on(self, clean: bool) -> float | None:
        """The score on the clean pairs, or on all."""
        return self.score_clean if clean else self.score

    def dense_on(self, clean: bool) -> float | None:
        """The dense model's score on the clean pairs, or on all."""
        return self.dense_clean if clean else self.dense

    def delta_on(self, clean: bool) -> float | None:
        """The cell's score less the dense model's, on the clean pairs, or on all."""
        return self.delta_clean if clean else self.delta

    def gain_on(self, clean: bool) -> float | None:
        """The delta, with its sign such that above 0 is better than dense, whatever the metric."""
        delta = self.delta_on(clean)
        return delta if delta is None or self.higher_is_better else -delta


FIELDS: tuple[str, ...] = tuple(one.name for one in fields(Row) if not one.metadata)
"""The keys of every row in JSON, and the columns of a CSV file, in this order."""

RARE: tuple[str, ...] = tuple(one.name for one in fields(Row) if one.metadata)
"""Fields that only rows of some runs have. They come last, and are columns only where some row has them."""


def columns(rows: Sequence[Row]) -> tuple[str, ...]:
    """The columns of a table of these rows."""
    return *FIELDS, *(name for name in RARE if any(getattr(row, name) is not None for row in rows))
