"""Draws maps of contributions, units × layers, next to the map of the oracle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from ablate.record import ContributionMap
from ablate.report.figures import figure
from ablate.report.figures.figure import Figure, data, text

WIDEST = 64
"""The most units of a layer that a map can show."""

MOST = 6000
"""The most units that the maps of one figure show. If there are more, maps are left out, the last ones first."""

_COLUMNS = 3
_HOVER = "hovered"
_STROKE = "#111111"
"""The color of strokes: the same on a light and on a dark page, as the colors of the map are."""


@dataclass(frozen=True)
class Map:
    """The contributions of one scorer.

    grid: float64 [layers, units of the widest layer], NaN where a layer has fewer units.
    oracle: whether the scorer removes each unit exactly.
    """

    scorer: str
    oracle: bool
    grid: NDArray[np.float64]


def of_record(maps: Iterable[ContributionMap]) -> dict[tuple[str, str], list[Map]]:
    """(model, granularity) -> maps, the oracle's first. Granularities with too many units to draw are left out."""
    by_place: dict[tuple[str, str], list[Map]] = {}
    for record in maps:
        drawable = _map_of(record)
        if drawable is not None:
            by_place.setdefault((record.model, record.granularity), []).append(drawable)
    return {place: sorted(of_place, key=lambda drawable: not drawable.oracle) for place, of_place in by_place.items()}


def _map_of(record: ContributionMap) -> Map | None:
    contributions = np.asarray(record.contributions, float)
    if not record.layers or len(record.layers) != len(contributions) or not np.isfinite(contributions).all():
        return None
    # The numbers of the layers, without gaps: a granularity need not have units in every layer.
    rows = np.unique(np.asarray(record.layers), return_inverse=True)[1]
    widest = int(np.bincount(rows).max())
    if widest > WIDEST:
        return None
    grid = np.full((int(rows.max()) + 1, widest), np.nan)
    for row in range(len(grid)):
        in_layer = contributions[rows == row]
        grid[row, : len(in_layer)] = in_layer
    return Map(record.scorer, record.oracle, grid)


def join(
    of_run: Mapping[tuple[str, str], list[Map]], of_study: Mapping[tuple[str, str], list[Map]]
) -> dict[tuple[str, str], list[Map]]:
    """The maps of a run and of a study, with the study's oracle where the run has none."""
    joined = {**of_study, **of_run}
    for place in of_run.keys() & of_study.keys():
        if not any(map_.oracle for map_ in of_run[place]):
            # The study may have removed groups of units, whose map has another shape.
            shape = of_run[place][0].grid.shape
            oracles = [map_ for map_ in of_study[place] if map_.oracle and map_.grid.shape == shape]
            joined[place] = [*oracles, *of_run[place]]
    return joined


def maps_figure(maps: Sequence[Map], model: str, granularity: str) -> Figure:
    """A map for each scorer, with its color bar. A stroke marks each contribution below 0, so color is not needed."""
    title = f"Contributions of each {granularity} of {model}"
    shown = maps[: max(1, MOST // maps[0].grid.size)]
    # The unit under the mouse is outlined in all maps.
    hover = alt.selection_point(name=_HOVER, fields=["layer", "unit"], on="pointerover", empty=False)
    charts = [_panel(map_, heading(map_, maps), granularity, hover) for map_ in shown]
    charts[0] = charts[0].add_params(hover)
    caption = (
        f"A row is a layer, the input at the bottom; a column is one of its units ({granularity}). Orange with a"
        " stroke: below 0, the unit hurts; purple: above 0, the unit is needed. Each map has its own scale. ρ:"
        " Spearman's rank correlation with the oracle, which is exact removal; `ablate prevalence` adds an oracle."
    )
    caption += f" {len(shown)} of {len(maps)} maps are drawn." if len(shown) < len(maps) else ""
    alternative = f"{title}. " + "; ".join(f"{heading(map_, maps)}: {_lowest(map_)}" for map_ in maps)
    drawing = figure.panels(charts, _COLUMNS).resolve_scale(color="independent")
    return figure.of(title, caption, alternative, drawing)


def heading(map_: Map, maps: Sequence[Map]) -> str:
    """``align, ρ 0.96``."""
    if map_.oracle:
        return f"{map_.scorer} (exact)"
    oracle = next((other for other in maps if other.oracle and other.grid.shape == map_.grid.shape), None)
    if oracle is None:
        return map_.scorer
    from scipy.stats import spearmanr

    units = ~np.isnan(map_.grid)
    # Checked here, because spearmanr warns about equal values and returns NaN.
    if np.ptp(map_.grid[units]) == 0 or np.ptp(oracle.grid[units]) == 0:
        return f"{map_.scorer}, ρ undefined"
    return f"{map_.scorer}, ρ {float(spearmanr(map_.grid[units], oracle.grid[units]).statistic):.2f}"


def _panel(map_: Map, title: str, granularity: str, hover: alt.Parameter) -> Any:
    # The same limit on both sides, so that the middle of the colors is 0.
    largest = float(np.nanmax(np.abs(map_.grid))) or 1.0
    colors = alt.Scale(scheme="purpleorange", domain=[-largest, largest], reverse=True)
    bar = alt.Legend(orient="bottom", title="contribution", gradientLength=150, tickCount=3, format=".2~g", columns=1)
    layers, units = map_.grid.shape
    rows = [
        {"layer": layer, "unit": unit, "contribution": float(value)}
        for (layer, unit), value in np.ndenumerate(map_.grid)
        if not np.isnan(value)
    ]
    tips = [alt.Tooltip("layer:O"), alt.Tooltip("unit:O", title=text(granularity))]
    tips.append(alt.Tooltip("contribution:Q", format=".3~e"))
    base = alt.Chart(data(rows)).encode(
        x=alt.X("unit:O", title=text(granularity), axis=_axis(units)),
        y=alt.Y("layer:O", sort="descending", title="layer", axis=_axis(layers)),
        tooltip=tips,
    )
    return alt.layer(
        base.mark_rect(strokeWidth=1.5).encode(
            color=alt.Color("contribution:Q", scale=colors, legend=bar),
            stroke=alt.condition(hover, alt.value(_STROKE), alt.value(None)),
        ),
        base.transform_filter("datum.contribution < 0").mark_text(text="–", color=_STROKE, fontSize=10),
    ).properties(title=text(title), height=max(70, min(320, 20 * layers)))


def _axis(count: int) -> alt.Axis:
    values = list(range(0, count, max(1, count // 6)))
    return alt.Axis(values=values, ticks=False, domain=False, labelAngle=0)


def _lowest(map_: Map) -> str:
    layer, unit = np.unravel_index(int(np.nanargmin(map_.grid)), map_.grid.shape)
    below, total = int((map_.grid < 0).sum()), int((~np.isnan(map_.grid)).sum())
    return f"{below} of {total} below 0, lowest unit {unit} of layer {layer}"
