"""Draws the alignment-uniformity plane of Wang and Isola (2020), with dense and every cell in it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from ablate.judge.effects import Stage
from ablate.judge.group import RowsByTask
from ablate.report.figures.drawing import INK, Sketch, legend, legend_height, styles
from ablate.report.table import MARKS, MEANINGS
from ablate.report.verdicts import NO_DRAWS, draws

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

ALIGN, UNIFORM = "align loss", "uniform loss"
"""The metrics of the two tasks."""


class PlanePoint(NamedTuple):
    """A point of the plane.

    label: the granularity, ``dense`` or ``matched``. verdict: on the cell's scores; None without evidence on them.
    """

    label: str
    uniform: float
    align: float
    verdict: str | None = None


def points(stages: Sequence[Stage]) -> list[PlanePoint]:
    """The points of dense, of every cell (a mean over its seeds) and of every matched draw.

    Args:
        stages: of one model and one name. Each has one metric, and a cell is in the plane if it has both losses.
            Verdicts are of the first that has other scores. Those of truncated embeddings are left out.
    """
    stages = [stage for stage in stages if stage.measure.dim is None]
    by_metric = {stage.measure.metric: stage for stage in stages}
    if not {ALIGN, UNIFORM} <= set(by_metric):
        return []
    align, uniform = by_metric[ALIGN], by_metric[UNIFORM]
    uniform_groups = {group.id: group for group in uniform.groups}
    scored = _scored(stages)
    pairs: list[tuple[str, Sequence[RowsByTask], Sequence[RowsByTask], str | None]] = [
        ("dense", [align.dense], [uniform.dense], None)
    ]
    for group in align.groups:
        if same := uniform_groups.get(group.id):
            item = scored.evidence_on(group) if scored else None
            verdict = item.verdict if item else None
            pairs.append((group.kind, list(group.seeds.values()), list(same.seeds.values()), verdict))
            pairs += [
                ("matched", [rows], [same.matched[draw]], None)
                for draw, rows in group.matched.items()
                if draw in same.matched
            ]
    scores = [(label, _score(xs, uniform), _score(ys, align), verdict) for label, ys, xs, verdict in pairs]
    return [PlanePoint(label, x, y, verdict) for label, x, y, verdict in scores if x is not None and y is not None]


def _scored(stages: Sequence[Stage]) -> Stage | None:
    """The stage whose verdicts are shown: of scores, and not of the two losses."""
    return next((stage for stage in stages if stage.measure.metric not in (ALIGN, UNIFORM)), None)


def plane_figure(stages: Sequence[Stage], title: str) -> Sketch | None:
    """The plane; None if the two tasks were not run."""
    drawn = points(stages)
    dense = next((place for place in drawn if place.label == "dense"), None)
    if dense is None or len(drawn) < 2:
        return None
    labels = [place.label for place in drawn if place.label != "dense"]
    styled = styles(sorted(dict.fromkeys(labels), key=lambda label: label == "matched"), {"matched"})

    def paint(figure: FigureBase) -> None:
        axes = figure.subplots()
        for label, style in styled.items():
            of_label = [place for place in drawn if place.label == label]
            axes.scatter(
                [place.uniform for place in of_label],
                [place.align for place in of_label],
                s=16 if label == "matched" else 30,
                marker=style.marker,
                color=style.color,
                alpha=0.75,
                linewidths=0,
            )
        for place in drawn:
            if place.verdict:
                at = (place.uniform, place.align)
                axes.annotate(MARKS.get(place.verdict, ""), at, (4, 3), textcoords="offset points", fontsize=8)
        axes.axvline(dense.uniform, color=INK, linewidth=0.5, linestyle=":")
        axes.axhline(dense.align, color=INK, linewidth=0.5, linestyle=":")
        axes.scatter(dense.uniform, dense.align, s=150, marker="*", color=INK, zorder=3)
        axes.annotate("dense", (dense.uniform, dense.align), (7, 6), textcoords="offset points")
        axes.annotate(
            "better",
            xy=(0.015, 0.02),
            xytext=(0.085, 0.11),
            xycoords="axes fraction",
            arrowprops={"arrowstyle": "-|>", "color": INK},
        )
        axes.set_xlabel("uniform loss (lower is better)")
        axes.set_ylabel("align loss (lower is better)")
        legend(figure, styled, lines=False)

    cells = [place for place in drawn if place.label not in ("dense", "matched")]
    both = sum(place.uniform <= dense.uniform and place.align <= dense.align for place in cells)
    counted = f"{both} of {len(cells)} cells are no worse than dense in both; "
    counted += f"{sum(place.align < dense.align for place in cells)} have a better align loss, "
    counted += f"{sum(place.uniform < dense.uniform for place in cells)} a better uniform loss."
    gray = "; gray points are draws of matched controls" if "matched" in styled else ""
    caption = f"Each point is a cell{gray}. {counted}{_verdicts(stages, drawn)}"
    alt = f"{title}. Dense at uniform loss {dense.uniform:.3f}, align loss {dense.align:.3f}. {counted}"
    return Sketch(title, alt, caption, (7.2, 4.2 + legend_height(styled)), paint, f"{stages[0].model} {stages[0].name}")


def _verdicts(stages: Sequence[Stage], drawn: Sequence[PlanePoint]) -> str:
    """The legend of the marks, and how many matched draws stand behind them; empty without verdicts."""
    scored = _scored(stages)
    if scored is None or not any(place.verdict for place in drawn):
        return ""
    on = ", ".join(scored.splits)
    made = " ".join(draws([group for group in scored.groups if not group.is_control]) or (NO_DRAWS,))
    return f" Beside a point, the verdict on {on}: {MEANINGS}. {made}"


def _score(seeds: Sequence[RowsByTask], stage: Stage) -> float | None:
    rows = [tasks.get(task) for tasks in seeds for task in stage.splits]
    scores = [score for row in rows if row is not None and (score := stage.score_of(row)) is not None]
    # None unless every task and seed has a score: means over different seeds cannot be compared.
    return fmean(scores) if scores and len(scores) == len(rows) else None
