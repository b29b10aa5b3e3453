"""Draws the alignment-uniformity plane of Wang and Isola (2020), with dense and every cell in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from ablate.judge.effects import Stage
from ablate.report.figures import figure
from ablate.report.figures.figure import INK, SOFT, Figure, data, seen, text
from ablate.report.plane import PlanePoint, points, stage_of_scores
from ablate.report.table import MARKS, MEANINGS
from ablate.report.verdicts import NO_DRAWS, draws

MOST = 2000
"""The most points in one figure. Of more, as many are drawn, evenly spread over the order of the run."""

_HEIGHT = 400

STAR = "M0,-1L.23,-.31L.95,-.31L.36,.12L.59,.81L0,.38L-.59,.81L-.36,.12L-.95,-.31L-.23,-.31Z"
"""The shape of dense, a path in a square from -1 to 1."""


def plane_figure(stages: Sequence[Stage], title: str) -> Figure | None:
    """The plane of one model; None if the two tasks were not run."""
    every = points(stages)
    dense = next((point for point in every if point.label == "dense"), None)
    if dense is None or len(every) < 2:
        return None
    cells = [point for point in every if point.label not in ("dense", "matched")]
    others = [point for point in every if point.label != "dense"]
    drawn = others[:: -(-len(others) // MOST)]
    kinds = sorted(dict.fromkeys(point.label for point in drawn), key=lambda kind: kind == "matched")
    styled = figure.styles(kinds, {"matched"})
    toggle = figure.toggle("kind")
    tips = [alt.Tooltip(name, type="nominal") for name in ("cell", "kind", "uniform loss", "align loss", "verdict")]
    axis = alt.Axis(grid=True, tickCount=6)
    unpinned = alt.Scale(zero=False, nice=False, padding=16)
    x = alt.X("uniform:Q", title="uniform loss (lower is better)", scale=unpinned, axis=axis)
    y = alt.Y("align:Q", title="align loss (lower is better)", scale=unpinned, axis=axis)
    rows = figure.complete(figure.complete(map(_row, drawn), "verdict"), "mark", blank="")
    tips = tips if "verdict" in rows[0] else tips[:-1]
    base = alt.Chart(data(rows)).encode(x=x, y=y, tooltip=tips)
    star = alt.Chart(data([_row(dense)])).encode(x=x, y=y)
    layers: list[Any] = [
        star.mark_rule(color=SOFT, strokeDash=[2, 2]).encode(y=alt.Y()),
        star.mark_rule(color=SOFT, strokeDash=[2, 2]).encode(x=alt.X()),
        base.mark_point(filled=True, size=60, clip=True)
        .encode(color=styled.color("kind"), shape=styled.shape("kind"), opacity=seen(toggle, 0.8))
        .add_params(toggle, figure.zoom("zoom")),
    ]
    if any(point.verdict for point in drawn):
        layers.append(
            base.mark_text(dx=9, dy=-7, fontSize=10, clip=True, color=INK).encode(text="mark:N", opacity=seen(toggle))
        )
    star = star.encode(tooltip=tips[2:4])
    layers += [
        star.mark_point(shape=STAR, filled=True, size=260, color=INK, opacity=1, clip=True),
        star.mark_text(align="left", dx=12, dy=-10, color=INK, clip=True).encode(text="kind:N"),
        alt.Chart(data([{}]))
        .mark_text(align="left", color=SOFT, text="↙ better")
        .encode(x=alt.value(6), y=alt.value(_HEIGHT - 10)),
    ]
    counted = _counted(dense, cells)
    gray = "; gray points are draws of matched controls" if "matched" in kinds else ""
    left_out = f" {len(drawn):,} of {len(others):,} points are drawn." if len(drawn) < len(others) else ""
    caption = f"Each point is a cell{gray}. {counted}{_verdicts(stages, drawn)}{left_out}"
    alternative = f"{title}. Dense at uniform loss {dense.uniform:.3f}, align loss {dense.align:.3f}. {counted}"
    return figure.of(title, caption, alternative, figure.whole(alt.layer(*layers), _HEIGHT), styled.labels)


def _row(point: PlanePoint) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": text(point.label), "cell": text(point.cell, 60)}
    row |= {"uniform": point.uniform, "align": point.align}
    row |= {"uniform loss": f"{point.uniform:.4f}", "align loss": f"{point.align:.4f}"}
    if point.verdict:
        row |= {"verdict": point.verdict, "mark": MARKS.get(point.verdict, "")}
    return row


def _counted(dense: PlanePoint, cells: Sequence[PlanePoint]) -> str:
    both = sum(point.uniform <= dense.uniform and point.align <= dense.align for point in cells)
    return (
        f"{both} of {len(cells)} cells are no worse than dense in both;"
        f" {sum(point.align < dense.align for point in cells)} have a better align loss,"
        f" {sum(point.uniform < dense.uniform for point in cells)} a better uniform loss."
    )


def _verdicts(stages: Sequence[Stage], drawn: Sequence[PlanePoint]) -> str:
    """The legend of the marks, and how many matched draws stand behind them; empty without verdicts."""
    scored = stage_of_scores(stages)
    if scored is None or not any(point.verdict for point in drawn):
        return ""
    on = ", ".join(scored.splits)
    made = " ".join(draws([group for group in scored.groups if not group.is_control]) or (NO_DRAWS,))
    return f" Beside a point, the verdict on {on}: {MEANINGS}. {made}"
