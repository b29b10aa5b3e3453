"""Maps of contributions, units × layers, beside those of the oracle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    """Contributions of one scorer: float64 [layers, units a layer], NaN where a layer has fewer. oracle: the truth."""

    scorer: str
    oracle: bool
    grid: NDArray[np.float64]


def of_record(maps: Iterable[ContributionMap]) -> dict[tuple[str, str], list[Map]]:
    """(model, granularity) -> maps, the oracle's first; what has too many units a layer to be seen is left out."""
    drawn: dict[tuple[str, str], list[Map]] = {}
    for one in maps:
        made = _drawn(one)
        if made is not None:
            drawn.setdefault((one.model, one.granularity), []).append(made)
    return {place: sorted(of_place, key=lambda one: not one.oracle) for place, of_place in drawn.items()}


def _drawn(one: ContributionMap) -> Map | None:
    contributions = np.asarray(one.contributions, float)
    if not one.layers or len(one.layers) != len(contributions) or not np.isfinite(contributions).all():
        return None
    places = np.unique(np.asarray(one.layers), return_inverse=True)[1]
    widest = int(np.bincount(places).max())
    if widest > WIDEST:
        return None
    grid = np.full((int(places.max()) + 1, widest), np.nan)
    for layer in range(len(grid)):
        in_layer = contributions[places == layer]
        grid[layer, : len(in_layer)] = in_layer
    return Map(one.scorer, one.oracle, grid)


def join(
    ours: Mapping[tuple[str, str], list[Map]], theirs: Mapping[tuple[str, str], list[Map]]
) -> dict[tuple[str, str], list[Map]]:
    """The maps of a run (``ours``) and of a study, with the study's oracle where the run has none."""
    joined = {**theirs, **ours}
    for place in ours.keys() & theirs.keys():
        if not any(one.oracle for one in ours[place]):
            truth = [one for one in theirs[place] if one.oracle and one.grid.shape == ours[place][0].grid.shape]
            joined[place] = [*truth, *ours[place]]
    return joined


def maps_figure(maps: Sequence[Map], model: str, granularity: str) -> Sketch:
    """One map a scorer. A stroke marks each contribution below 0, so that color is not needed."""
    title = f"Contributions of each {granularity} of {model}"
    columns = min(_COLUMNS, len(maps))
    rows = -(-len(maps) // columns)
    layers, units = maps[0].grid.shape

    def paint(figure: FigureBase) -> None:
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, one in zip(panels, maps, strict=False):
            _panel(axes, one, granularity)
            axes.set_title(text(heading(one, maps)))
        for axes in panels[len(maps) :]:
            axes.set_visible(False)

    caption = (
        f"A row is a layer, the input at the bottom; a column is one of its units ({granularity}). Orange with a"
        " stroke: below 0, better gone; purple: above 0, needed. Each map has its own scale. ρ: Spearman's rank"
        " correlation with the oracle, exact removal; `ablate prevalence` makes one where there is none."
    )
    alt = f"{title}. " + "; ".join(f"{heading(one, maps)}: {_lowest(one)}" for one in maps)
    height = rows * (0.75 + min(3.2, 0.2 * layers)) + 0.1
    return Sketch(title, alt, caption, (min(9.6, columns * max(2.6, 0.9 + 0.19 * units)), height), paint, model)


def heading(one: Map, maps: Sequence[Map]) -> str:
    """``align, ρ 0.96``."""
    if one.oracle:
        return f"{one.scorer} (exact)"
    oracle = next((other for other in maps if other.oracle and other.grid.shape == one.grid.shape), None)
    if oracle is None:
        return one.scorer
    from scipy.stats import spearmanr

    both = ~np.isnan(one.grid)
    if np.ptp(one.grid[both]) == 0 or np.ptp(oracle.grid[both]) == 0:
        return f"{one.scorer}, ρ undefined"
    return f"{one.scorer}, ρ {float(spearmanr(one.grid[both], oracle.grid[both]).statistic):.2f}"


def _panel(axes: Axes, one: Map, granularity: str) -> None:
    largest = float(np.nanmax(np.abs(one.grid))) or 1.0
    axes.pcolormesh(
        np.ma.masked_invalid(one.grid), cmap="PuOr", vmin=-largest, vmax=largest, edgecolors="white", lw=0.4
    )
    for layer, unit in zip(*np.nonzero(one.grid < 0), strict=True):
        axes.plot([unit + 0.28, unit + 0.72], [layer + 0.5] * 2, color=INK, linewidth=0.9)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=7)
    layers = np.arange(0, one.grid.shape[0], max(1, one.grid.shape[0] // 6))
    axes.set_yticks(layers + 0.5, list(map(str, layers)))
    units = np.arange(0, one.grid.shape[1], max(1, one.grid.shape[1] // 6))
    axes.set_xticks(units + 0.5, list(map(str, units)))
    axes.set_xlabel(text(granularity))
    axes.set_ylabel("layer")


def _lowest(one: Map) -> str:
    layer, unit = np.unravel_index(int(np.nanargmin(one.grid)), one.grid.shape)
    below, every = int((one.grid < 0).sum()), int((~np.isnan(one.grid)).sum())
    return f"{below} of {every} below 0, lowest unit {unit} of layer {layer}"
