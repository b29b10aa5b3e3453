"""Draws maps of contributions, units × layers, next to the map of the oracle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ablate.record import ContributionMap
from ablate.report.figures.drawing import INK, Sketch, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

WIDEST = 64
"""The most units of a layer that a map can show."""

_COLUMNS = 3


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


def maps_figure(maps: Sequence[Map], model: str, granularity: str) -> Sketch:
    """A map for each scorer. A stroke marks each contribution below 0, so that color is not needed."""
    title = f"Contributions of each {granularity} of {model}"
    columns = min(_COLUMNS, len(maps))
    rows = ceil(len(maps) / columns)
    layers, units = maps[0].grid.shape

    def paint(figure: FigureBase) -> None:
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, map_ in zip(panels, maps, strict=False):
            _panel(axes, map_, granularity)
            axes.set_title(text(heading(map_, maps)))
        for axes in panels[len(maps) :]:
            axes.set_visible(False)

    caption = (
        f"A row is a layer, the input at the bottom; a column is one of its units ({granularity}). Orange with a"
        " stroke: below 0, the unit hurts; purple: above 0, the unit is needed. Each map has its own scale. ρ:"
        " Spearman's rank correlation with the oracle, which is exact removal; `ablate prevalence` adds an oracle."
    )
    alt = f"{title}. " + "; ".join(f"{heading(map_, maps)}: {_lowest(map_)}" for map_ in maps)
    height = rows * (0.75 + min(3.2, 0.2 * layers)) + 0.1
    return Sketch(title, alt, caption, (min(9.6, columns * max(2.6, 0.9 + 0.19 * units)), height), paint, model)


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


def _panel(axes: Axes, map_: Map, granularity: str) -> None:
    # The same limit on both sides, so that the middle of the color map is 0.
    largest = float(np.nanmax(np.abs(map_.grid))) or 1.0
    axes.pcolormesh(
        np.ma.masked_invalid(map_.grid), cmap="PuOr", vmin=-largest, vmax=largest, edgecolors="white", lw=0.4
    )
    for layer, unit in zip(*np.nonzero(map_.grid < 0), strict=True):
        axes.plot([unit + 0.28, unit + 0.72], [layer + 0.5] * 2, color=INK, linewidth=0.9)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=7)
    layers = np.arange(0, map_.grid.shape[0], max(1, map_.grid.shape[0] // 6))
    axes.set_yticks(layers + 0.5, list(map(str, layers)))
    units = np.arange(0, map_.grid.shape[1], max(1, map_.grid.shape[1] // 6))
    axes.set_xticks(units + 0.5, list(map(str, units)))
    axes.set_xlabel(text(granularity))
    axes.set_ylabel("layer")


def _lowest(map_: Map) -> str:
    layer, unit = np.unravel_index(int(np.nanargmin(map_.grid)), map_.grid.shape)
    below, total = int((map_.grid < 0).sum()), int((~np.isnan(map_.grid)).sum())
    return f"{below} of {total} below 0, lowest unit {unit} of layer {layer}"
