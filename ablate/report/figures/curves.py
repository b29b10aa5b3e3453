"""Sparsity curves: what happens to the score as more units go, for each granularity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ablate.judge.effects import Stage
from ablate.report.curves import Curve, curves
from ablate.report.figures.drawing import FAINT, Sketch, Style, legend, legend_height, styles, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

_COLUMNS = 3


def curves_figure(stage: Stage, title: str) -> Sketch | None:
    """A panel for each granularity; None where no scorer has two sparsities."""
    drawn = curves(stage)
    if not drawn:
        return None
    kinds = list(dict.fromkeys(curve.granularity for curve in drawn))
    styled = styles((curve.label for curve in drawn), {curve.label for curve in drawn if curve.seeded})
    rows = -(-len(kinds) // _COLUMNS)
    left_out = {kind for kind in kinds if _floor(stage, [c for c in drawn if c.granularity == kind]) is not None}

    def paint(figure: FigureBase) -> None:
        panels = figure.subplots(rows, min(_COLUMNS, len(kinds)), squeeze=False).flat
        for axes, kind in zip(panels, kinds, strict=False):
            _panel(axes, stage, [curve for curve in drawn if curve.granularity == kind], styled)
            axes.set_title(text(kind))
        for axes in list(panels)[len(kinds) :]:
            axes.set_visible(False)
        legend(figure, styled)

    band = (
        "The band is the 95 % interval"
        if any(stage.evidence_on(group) for group in stage.groups)
        else "No intervals were made"
    )
    hollow = " Hollow: the mean of the matched draws ± sd." if any(p.matched for c in drawn for p in c.points) else ""
    caption = (
        f"{band}. That of a seeded control is ± the sample sd over its seeds."
        f"{hollow} 0 is the dense model.{' A curve that leaves its panel goes on in the table.' if left_out else ''}"
    )
    return Sketch(
        title,
        _alt(stage, drawn, title),
        caption,
        (9.6, 2.9 * rows + legend_height(styled)),
        paint,
        f"{stage.model} {stage.name}",
    )


def _panel(axes: Axes, stage: Stage, drawn: Sequence[Curve], styled: Mapping[str, Style]) -> None:
    axes.axhline(0, color=FAINT, linewidth=0.8)
    for curve in drawn:
        style = styled[curve.label]
        x = [point.sparsity for point in curve.points]
        axes.plot(
            x,
            [point.value for point in curve.points],
            color=style.color,
            linestyle=style.dash,
            marker=style.marker,
        )
        banded = [(p.sparsity, p.low, p.high) for p in curve.points if p.low is not None and p.high is not None]
        if banded:
            places, lows, highs = zip(*banded, strict=True)
            axes.fill_between(places, lows, highs, color=style.color, alpha=0.13, linewidth=0)
        for point in curve.points:
            if point.matched:
                axes.errorbar(
                    point.sparsity,
                    point.matched[0],
                    yerr=point.matched[1],
                    color=style.color,
                    marker=style.marker,
                    markerfacecolor="white",
                    elinewidth=0.8,
                )
    floor = _floor(stage, drawn)
    if floor is not None:
        axes.set_ylim(bottom=floor)
    axes.set_xlabel("sparsity, %")
    axes.set_ylabel(text(f"Δ, {stage.measure.unit}"))


def _floor(stage: Stage, drawn: Sequence[Curve]) -> float | None:
    """The lower end of a panel that a control would flatten: one range of the scorers below the lowest of them."""
    unseeded = [v for c in drawn if not c.seeded for p in c.points for v in (p.value, p.low, p.high) if v is not None]
    every = [v for c in drawn for p in c.points for v in (p.value, p.low) if v is not None]
    if not unseeded or not stage.measure.higher_is_better:
        return None
    low, high = min([*unseeded, 0]), max([*unseeded, 0])
    floor = low - (high - low)
    return floor if min(every) < floor else None


def _alt(stage: Stage, drawn: Sequence[Curve], title: str) -> str:
    best = max if stage.measure.higher_is_better else min
    parts = []
    for kind in dict.fromkeys(curve.granularity for curve in drawn):
        points = [(p.value, p.sparsity, c.label) for c in drawn if c.granularity == kind for p in c.points]
        value, sparsity, label = best(points)
        parts.append(f"{kind}: best {value:+.2f} by {label} at {sparsity:g} %")
    return f"{title}. {'; '.join(parts)}."
