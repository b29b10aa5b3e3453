"""Draws scores against costs: what each cell gains, and what its model costs to keep and to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt

from ablate.report.figures import figure
from ablate.report.figures.figure import COLORS, INK, SOFT, Figure, data, text
from ablate.report.figures.plane import STAR
from ablate.report.front import FrontPoint

_LABELED = 12
"""The most cells with their names beside them. More would cover each other."""

_HEIGHT = 300

_Cost = tuple[str, Callable[[FrontPoint], float | None]]
_COSTS: tuple[_Cost, ...] = (
    ("parameters, millions", lambda point: point.parameters / 1e6),
    ("weights on disk, MiB", lambda point: point.mebibytes),
    ("latency, % of dense", lambda point: None if point.latency is None else 100 * point.latency),
)


def front_figure(dense: FrontPoint, cells: Sequence[FrontPoint], title: str, unit: str) -> Figure:
    """A panel for each cost. unit: of the gain, such as ``points``."""
    costs = [cost for cost in _COSTS if any(cost[1](point) is not None for point in cells)]
    names = [point.name for point in cells if point.front]
    chosen = next((point for point in cells if point.chosen), None)
    told = f" Chosen: {chosen.name} (square)." if chosen else ""
    caption = (
        "Each point is a confirmed cell with its 95 % interval; left and up is better. Filled: on the front, no other"
        f" cell is at least as good in every respect. The star is dense.{told}"
    )
    alternative = f"{title}. {len(cells)} cells, on the front: {', '.join(names) or 'none'}.{told}"
    charts = [_panel(cost, dense, cells, unit) for cost in costs]
    return figure.of(title, caption, alternative, figure.panels(charts, len(charts)))


def _panel(cost: _Cost, dense: FrontPoint, cells: Sequence[FrontPoint], unit: str) -> Any:
    title, value = cost
    rows = [_row(point, at, len(cells)) for point in cells if (at := value(point)) is not None]
    axis = alt.Axis(grid=False, tickCount=5)
    unpinned = alt.Scale(zero=False, nice=False, padding=16)
    x = alt.X("cost:Q", title=title, scale=unpinned, axis=axis)
    gained = f"gain over dense, {unit}"
    y = alt.Y("gain:Q", title=gained, scale=unpinned)
    tips = [alt.Tooltip(name, type="nominal") for name in ("cell", "gain and interval")]
    base = alt.Chart(data(rows)).encode(x=x, y=y, tooltip=tips)
    on_front = base.transform_filter("datum.front")
    color = alt.condition("datum.front", alt.value(COLORS[0]), alt.value(SOFT))
    points = base.mark_point(size=70, strokeWidth=1.5).encode(
        color=color,
        fill=alt.condition("datum.front", alt.value(COLORS[0]), alt.value("white")),
        shape=alt.condition("datum.chosen", alt.value("square"), alt.value("circle")),
    )
    layers = [
        alt.Chart(data([{"gain": 0}])).mark_rule(color=SOFT).encode(y=y),
        on_front.mark_line(color=COLORS[0], strokeWidth=1),
        base.mark_rule().encode(
            y=alt.Y("low:Q", title=f"gain over dense, {unit}", scale=unpinned), y2="high", color=color
        ),
        points,
        base.mark_text(align="left", dx=8, dy=-8, fontSize=10, color=INK).encode(text="label:N"),
    ]
    of_dense = value(dense)
    if of_dense is not None:
        star = alt.Chart(data([{"cost": of_dense, "gain": 0}])).encode(x=x, y=y)
        layers.append(star.mark_point(shape=STAR, filled=True, size=220, color=INK, opacity=1))
    return alt.layer(*layers).properties(height=_HEIGHT)


def _row(point: FrontPoint, cost: float, count: int) -> dict[str, Any]:
    named = point.chosen or (point.front and count <= _LABELED)
    return {
        "cost": cost,
        "gain": point.gain,
        "low": point.low,
        "high": point.high,
        "cell": text(point.name, 60),
        "gain and interval": f"{point.gain:+.2f} [{point.low:+.2f} to {point.high:+.2f}]",
        "front": point.front,
        "chosen": point.chosen,
        "label": text(point.name, 28) if named else "",
    }
