"""The marks of verdicts in figures: above which point each stands, their legend, and the draws behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ablate.judge.effects import stages
from ablate.record import Row
from ablate.report.figures.curves import MOST, curves_figure
from ablate.report.figures.figure import Figure
from ablate.report.figures.plane import plane_figure
from ablate.report.results import Results
from ablate.report.table import MARKS
from tests.bench import known
from tests.report.figures.specs import Values, panels, values
from tests.report.html.test_html import geometry, judged
from tests.report_rows import about, cell, row

DELTAS = {"align": (0.6, -0.1), "uniform": (0.4, -0.9)}
"""Scorer -> Δ at 10 and 20 %."""


def verdict(delta: float) -> str:
    return "better" if delta > 0 else "worse" if delta > -0.5 else "harms"


def a_screen(draws: int, judge: Callable[[float], str] | None = verdict) -> Results:
    rows: list[Row] = [row()]
    for scorer, deltas in DELTAS.items():
        for sparsity, delta in zip((0.1, 0.2), deltas, strict=True):
            made = cell("head", scorer, sparsity, delta=delta)
            rows.append(made)
            for draw in range(draws):
                control = {"control": "matched", "control_of": made.key, "draw": draw}
                rows.append(cell("head", scorer, sparsity, delta=delta - 1 - draw / 100, **control))
    results = Results(rows, about(confirm=[]))
    results = Results(rows + geometry(results), results.about)
    return judged(results, judge) if judge else results


def painted(figure: Figure | None) -> tuple[str, Values]:
    """The caption, and what the only panel draws."""
    assert figure is not None
    (panel,) = panels(figure).values()
    return figure.caption, values(figure, panel)


def curves(results: Results) -> tuple[str, Values]:
    found = [stage for stage in stages(results) if stage.measure.unit == "points"]
    return painted(curves_figure(found, "curves"))


def plane(results: Results) -> tuple[str, Values]:
    return painted(plane_figure(stages(results), "plane"))


def marks(drawn: Values, x: str = "sparsity", y: str = "value") -> list[tuple[str, float, float]]:
    """Each mark with the point that it belongs to."""
    return sorted((row["mark"], row[x], row[y]) for row in drawn if row.get("mark"))


def same(found: list[tuple[str, float, float]], wanted: list[tuple[str, float, float]]) -> None:
    assert [mark for mark, *_ in found] == [mark for mark, *_ in sorted(wanted)]
    np.testing.assert_allclose([place for _, *place in found], [place for _, *place in sorted(wanted)])


def test_each_point_of_a_curve_has_the_mark_of_its_verdict() -> None:
    _, drawn = curves(a_screen(draws=0))
    same(marks(drawn), [("△", 10, 0.6), ("△", 10, 0.4), ("▽", 20, -0.1), ("▼", 20, -0.9)])


def test_of_many_scorers_the_best_are_drawn_and_beyond_many_points_no_marks() -> None:
    sparsities = [round(i / 100, 2) for i in range(1, 26)]
    rows = [row()] + [
        cell("head", f"s{number}", sparsity, delta=number / 10 - sparsity)
        for number in range(MOST + 3)
        for sparsity in sparsities
    ]
    caption, drawn = curves(judged(Results(rows, about(confirm=[])), verdict))
    assert "The best 30 of 33 scorers." in caption
    assert "The verdicts are in the table." in caption
    assert marks(drawn) == []
    first = [row["value"] for row in drawn if row["sparsity"] == pytest.approx(1)]
    assert min(first) == pytest.approx(3 / 10 - 0.01)
    assert len(first) == MOST


def test_each_cell_of_the_plane_has_the_mark_of_the_verdict_on_its_scores() -> None:
    results = a_screen(draws=0)
    moved = [
        replace(made, score_clean=known(made.score) + place / 100) if made.unit == "loss" and made.scorer else made
        for place, made in enumerate(results.rows)
    ]
    _, drawn = plane(Results(moved, results.about))
    by_cell: dict[str, dict[str, Row]] = {}
    for made in moved:
        by_cell.setdefault(made.cell, {})[made.task] = made
    wanted = [
        (
            MARKS[verdict(known(of["stsb-dev"].delta))],
            known(of["uniform-dev"].score_clean),
            known(of["align-dev"].score_clean),
        )
        for name, of in by_cell.items()
        if name != "dense"
    ]
    same(marks(drawn, "uniform", "align"), wanted)


@pytest.mark.parametrize("drawn", [curves, plane])
@pytest.mark.parametrize(
    ("draws", "said"),
    [
        (0, "No cell has matched draws."),
        (3, "Matched draws of a cell: 3; a claim takes at least 20 (controls.screened)."),
        (20, "Matched draws of a cell: 20."),
    ],
)
def test_the_caption_explains_the_marks_and_counts_the_draws(
    drawn: Callable[[Results], tuple[str, Values]], draws: int, said: str
) -> None:
    caption, _ = drawn(a_screen(draws))
    assert "△ better than dense, random units not excluded" in caption
    assert "▽ worse than dense, not shown whether by more or less than the margin" in caption
    assert said in caption
    assert ("a claim takes" in caption) == (draws == 3)


@pytest.mark.parametrize("drawn", [curves, plane])
def test_without_verdicts_there_is_neither_mark_nor_legend(drawn: Callable[[Results], tuple[str, Values]]) -> None:
    caption, rows = drawn(a_screen(3, judge=None))
    assert not marks(rows)
    assert not any(mark in caption for mark in MARKS.values())
    assert "Matched draws" not in caption
