"""Draws sparsity curves: how the score changes as more units are removed, for each granularity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING

from ablate.judge.effects import Stage
from ablate.report.curves import Curve, curves
from ablate.report.figures.drawing import FAINT, Sketch, Style, legend, legend_height, styles, text
from ablate.report.table import MARKS, MEANINGS
from ablate.report.verdicts import NO_DRAWS, draws

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

_COLUMNS = 3
MOST = 30
"""The most scorers in one figure, each of which has a style of its own. If there are more, the best are drawn."""

MARKED = 600
"""The most points with a mark of their verdict. More would cover the curves."""

_UNMARKED = " The verdicts are in the table."


def curves_figure(stage: Stage, title: str) -> Sketch | None:
    """A panel for each granularity; None if no scorer has two sparsities."""
    every = curves(stage)
    if not every:
        return None
    shown = _best(stage, every)
    drawn = [curve for curve in every if curve.label in shown]
    by_granularity: dict[str, list[Curve]] = {}
    for curve in drawn:
        by_granularity.setdefault(curve.granularity, []).append(curve)
    # The same style for a scorer in all panels, since they share one legend.
    styled = styles((curve.label for curve in drawn), {curve.label for curve in drawn if curve.seeded})
    marked = sum(len(curve.points) for curve in drawn) <= MARKED
    rows = ceil(len(by_granularity) / _COLUMNS)

    def paint(figure: FigureBase) -> None:
        panels = figure.subplots(rows, min(_COLUMNS, len(by_granularity)), squeeze=False).flat
        for axes, (granularity, of_granularity) in zip(panels, by_granularity.items(), strict=False):
            _panel(axes, stage, of_granularity, styled, marked)
            axes.set_title(text(granularity))
        for axes in list(panels)[len(by_granularity) :]:
            axes.set_visible(False)
        legend(figure, styled)

    band = (
        "The band is the 95 % interval"
        if any(stage.evidence_on(group) for group in stage.groups)
        else "No intervals were made"
    )
    hollow = " Hollow: the mean of the matched draws ± sd." if any(p.matched for c in drawn for p in c.points) else ""
    count = len({curve.label for curve in every})
    left_out = f" The best {MOST} of {count} scorers." if count > MOST else ""
    cut = any(_floor(stage, of_granularity) is not None for of_granularity in by_granularity.values())
    caption = (
        f"{band}. The band of a seeded control is ± the sample sd over its seeds."
        f"{hollow}{_verdicts(stage, drawn) if marked else _UNMARKED} 0 is the dense model."
        f"{' Points outside a panel are in the table.' if cut else ''}{left_out}"
    )
    return Sketch(
        title,
        _alt(stage, by_granularity, title),
        caption,
        (9.6, 2.9 * rows + legend_height(styled)),
        paint,
        f"{stage.model} {stage.name}",
    )


def _best(stage: Stage, drawn: Sequence[Curve]) -> set[str]:
    """The labels to draw: all, or those whose best point is the highest; controls first."""
    sign = 1 if stage.measure.higher_is_better else -1
    highest: dict[str, tuple[bool, float]] = {}
    for curve in drawn:
        best = curve.seeded, max(sign * point.value for point in curve.points)
        highest[curve.label] = max(best, highest.get(curve.label, best))
    return set(sorted(highest, key=highest.__getitem__, reverse=True)[:MOST])


def _verdicts(stage: Stage, drawn: Sequence[Curve]) -> str:
    """The legend of the marks, and how many matched draws stand behind them; empty without verdicts."""
    if not any(point.verdict for curve in drawn for point in curve.points):
        return ""
    groups = [group for group in stage.groups if not group.is_control]
    return f" Above a point, its verdict: {MEANINGS}. {' '.join(draws(groups) or (NO_DRAWS,))}"


def _panel(axes: Axes, stage: Stage, drawn: Sequence[Curve], styled: Mapping[str, Style], marked: bool) -> None:
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
            if marked and point.verdict:
                place = (point.sparsity, point.value)
                axes.annotate(
                    MARKS.get(point.verdict, ""), place, (0, 5), textcoords="offset points", fontsize=8, ha="center"
                )
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
    """The lower end of the y axis, if it must be cut: as far below the scorers as their values are apart.

    A random control may fall so deep that the curves of the scorers would be flat on the same axis. None if all points
    are within that range.
    """
    unseeded = [v for c in drawn if not c.seeded for p in c.points for v in (p.value, p.low, p.high) if v is not None]
    all_low = [v for c in drawn for p in c.points for v in (p.value, p.low) if v is not None]
    if not unseeded or not stage.measure.higher_is_better:
        return None
    low, high = min([*unseeded, 0]), max([*unseeded, 0])
    floor = low - (high - low)
    return floor if min(all_low) < floor else None


def _alt(stage: Stage, by_granularity: Mapping[str, Sequence[Curve]], title: str) -> str:
    best = max if stage.measure.higher_is_better else min
    parts = []
    for granularity, drawn in by_granularity.items():
        value, sparsity, label = best((p.value, p.sparsity, curve.label) for curve in drawn for p in curve.points)
        parts.append(f"{granularity}: best {value:+.2f} by {label} at {sparsity:g} %")
    return f"{title}. {'; '.join(parts)}."
