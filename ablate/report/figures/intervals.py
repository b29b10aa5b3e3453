"""Draws the Δ of each cell with its interval and the draws of its matched control."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ablate.judge.effects import Stage, over_tasks
from ablate.judge.group import Group, label
from ablate.report import verdicts, wording
from ablate.report.figures.drawing import COLORS, FAINT, Sketch, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

MOST = 30
"""The most cells in one figure. If there are more, the best are drawn."""


def intervals_figure(stage: Stage, title: str) -> Sketch | None:
    """The cells of a stage, the best on top; None if no cell has an interval or a matched control."""
    sign = 1 if stage.measure.higher_is_better else -1
    valued = [(sign * value, group) for group in stage.groups if (value := stage.effect(group).value) is not None]
    ranked = [group for _, group in sorted(valued, key=lambda pair: -pair[0])][:MOST]
    if not any(stage.evidence_on(group) or _draws(stage, group) for group in ranked):
        return None

    # Computed here, because the caption says whether draws are beyond the edges.
    edges = reach(stage, ranked)
    beyond = any(not edges[0] <= draw <= edges[1] for group in ranked for draw in _draws(stage, group))

    def paint(figure: FigureBase) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=FAINT, linewidth=0.8)
        for place, group in enumerate(ranked):
            _line(axes, -place, stage, group, edges)
        axes.set_xlim(*edges)
        axes.set_yticks([-place for place in range(len(ranked))], [text(label(g, ranked)) for g in ranked])
        axes.set_ylim(-len(ranked) + 0.4, 0.6)
        axes.tick_params(axis="y", length=0, pad=8)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(text(f"Δ, {stage.measure.unit}"))

    left_out = f" The best {MOST} of {len(stage.groups)} cells." if len(stage.groups) > MOST else ""
    caption = (
        "Dot and line: Δ against dense and its 95 % interval. Strokes: the draws of the matched control, which remove"
        f" as many random units in each layer.{' Arrows: draws beyond the edge.' if beyond else ''}{left_out}"
        f"{''.join(f' {sentence}' for sentence in verdicts.draws(ranked) or (verdicts.NO_DRAWS,))}"
    )
    alt = f"{title}. " + "; ".join(_alt(stage, group, ranked) for group in ranked[:5])
    return Sketch(title, alt, caption, (9.6, 0.27 * len(ranked) + 0.8), paint, f"{stage.model} {stage.name}")


def _draws(stage: Stage, group: Group) -> list[float]:
    means = (over_tasks(rows, stage.splits, stage.delta_of).value for rows in group.matched.values())
    return [value for value in means if value is not None]


def reach(stage: Stage, groups: list[Group]) -> tuple[float, float]:
    """The ends of the x axis: at most twice as wide as all intervals together, however far the draws are."""
    ends = [0.0]
    for group in groups:
        evidence = stage.evidence_on(group)
        ends += [evidence.low, evidence.high] if evidence else [stage.effect(group).value or 0.0]
    low, high = min(ends), max(ends)
    # The fallback is for cells that all have a Δ of 0 and no interval, since an axis needs a width.
    margin = (high - low) / 2 or 1.0
    ends_and_draws = [*ends, *(draw for group in groups for draw in _draws(stage, group))]
    pad = margin / 10
    return max(low - margin, min(ends_and_draws) - pad), min(high + margin, max(ends_and_draws) + pad)


def _line(axes: Axes, height: float, stage: Stage, group: Group, edges: tuple[float, float]) -> None:
    seeded = group.is_control
    evidence = stage.evidence_on(group)
    color = FAINT if seeded else COLORS[0]
    if evidence:
        axes.plot([evidence.low, evidence.high], [height, height], color=color, solid_capstyle="butt")
    axes.plot([stage.effect(group).value or 0.0], [height], color=color, marker="s" if seeded else "o", markersize=5.5)
    low, high = edges
    draws = _draws(stage, group)
    inside = [draw for draw in draws if low <= draw <= high]
    beyond = {(low, "<") for draw in draws if draw < low} | {(high, ">") for draw in draws if draw > high}
    axes.plot(inside, [height] * len(inside), color=COLORS[1], marker="|", linestyle="none", markersize=7, zorder=1)
    for edge, mark in sorted(beyond):
        axes.plot([edge], [height], color=COLORS[1], marker=mark, markersize=5, clip_on=False)


def _alt(stage: Stage, group: Group, among: list[Group]) -> str:
    evidence = stage.evidence_on(group)
    ends = f", interval {verdicts.interval(evidence)}" if evidence else ""
    return f"{label(group, among)}: {wording.effect(stage.effect(group))}{ends}"
