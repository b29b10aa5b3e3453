"""Draws scores against costs: what each cell gains, and what its model costs to keep and to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ablate.report.figures.drawing import COLORS, FAINT, INK, Sketch, text
from ablate.report.front import FrontPoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

_LABELED = 12
"""The most cells with their names beside them. More would cover each other."""


_Cost = tuple[str, Callable[[FrontPoint], float | None]]
_COSTS: tuple[_Cost, ...] = (
    ("parameters, millions", lambda point: point.parameters / 1e6),
    ("weights on disk, MiB", lambda point: point.mebibytes),
    ("latency, % of dense", lambda point: None if point.latency is None else 100 * point.latency),
)


def front_figure(dense: FrontPoint, cells: Sequence[FrontPoint], title: str, unit: str) -> Sketch:
    """A panel for each cost. unit: of the gain, such as ``points``."""
    panels = [cost for cost in _COSTS if any(cost[1](point) is not None for point in cells)]
    names = [point.name for point in cells if point.front]

    def paint(figure: FigureBase) -> None:
        every = figure.subplots(1, len(panels), squeeze=False, sharey=True).flat
        for axes, cost in zip(every, panels, strict=True):
            _panel(axes, cost, dense, cells)
        every[0].set_ylabel(text(f"gain over dense, {unit}"))

    chosen = next((point for point in cells if point.chosen), None)
    told = f" Chosen: {chosen.name} (square)." if chosen else ""
    caption = (
        "Each point is a confirmed cell with its 95 % interval; left and up is better. Filled: on the front, no other"
        f" cell is at least as good in every respect. The star is dense.{told}"
    )
    alt = f"{title}. {len(cells)} cells, on the front: {', '.join(names) or 'none'}.{told}"
    return Sketch(title, alt, caption, (3.8 * len(panels), 3.6), paint, title)


def _panel(axes: Axes, cost: _Cost, dense: FrontPoint, cells: Sequence[FrontPoint]) -> None:
    title, value = cost
    axes.axhline(0, color=FAINT, linewidth=0.8)
    on_front = sorted((x, point.gain) for point in cells if point.front and (x := value(point)) is not None)
    axes.plot([x for x, _ in on_front], [gain for _, gain in on_front], color=COLORS[0], linewidth=0.8)
    for point in cells:
        x = value(point)
        if x is None:
            continue
        axes.errorbar(
            x,
            point.gain,
            yerr=[[point.gain - point.low], [point.high - point.gain]],
            color=COLORS[0] if point.front else FAINT,
            marker="s" if point.chosen else "o",
            markersize=8 if point.chosen else 5,
            markerfacecolor=None if point.front else "white",
            elinewidth=0.8,
        )
        if point.chosen or (point.front and len(cells) <= _LABELED):
            axes.annotate(text(point.name, 28), (x, point.gain), (5, 4), textcoords="offset points", fontsize=7)
    x = value(dense)
    if x is not None:
        axes.scatter(x, 0, s=130, marker="*", color=INK, zorder=3)
    axes.set_xlabel(title)
