"""Stability curves: how contributions settle as the calibration set grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablate.report.figures.drawing import FAINT, Sketch, Style, legend, legend_height, styles, text
from ablate.statistics.ranking_agreement import SAME, SHARED
from ablate.studies.stability_record import StabilityEntry, mean_overlap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

_COLUMNS = 3


@dataclass(frozen=True)
class Settling:
    """How one scorer's contributions at one granularity settle with the size of the calibration set.

    correlations: (size, mean, lowest, highest) of Spearman's ρ with the largest size, where it is defined.
    overlaps: (size, mean over the cells of the Jaccard index of the removed units).
    enough: the smallest size that is enough; None if none is.
    """

    model: str
    scorer: str
    granularity: str
    correlations: tuple[tuple[int, float, float, float], ...]
    overlaps: tuple[tuple[int, float], ...]
    enough: int | None


def settlings(entries: Iterable[StabilityEntry]) -> list[Settling]:
    """The curves of each entry; one whose correlations are all undefined is left out."""
    return [curves for entry in entries if (curves := _settling(entry)).correlations]


def stability_figure(settlings: Sequence[Settling], model: str) -> Sketch | None:
    """Above, the rank correlation with the largest size, below, the overlap of the units removed."""
    of_model = [one for one in settlings if one.model == model and len(one.correlations) > 1]
    if not of_model:
        return None
    granularities = list(dict.fromkeys(one.granularity for one in of_model))[:_COLUMNS]
    styled = styles(one.scorer for one in of_model)

    def paint(figure: FigureBase) -> None:
        panels = figure.subplots(2, len(granularities), squeeze=False, sharex=True)
        for column, granularity in enumerate(granularities):
            correlation_axes, overlap_axes = panels[:, column]
            for one in of_model:
                if one.granularity == granularity:
                    _paint_correlations(correlation_axes, one, styled[one.scorer])
                    _curve(overlap_axes, one.overlaps, styled[one.scorer])
            correlation_axes.set_title(text(granularity))
            overlap_axes.set_xlabel("calibration pairs and sentences")
            for axes, threshold in ((correlation_axes, SAME), (overlap_axes, SHARED)):
                axes.axhline(threshold, color=FAINT, linewidth=0.8, linestyle=":")
        panels[0, 0].set_ylabel("Spearman's ρ")
        panels[1, 0].set_ylabel("Jaccard of removed")
        legend(figure, styled)

    title = f"Stability of the contributions of {model}"
    sizes = "; ".join(
        f"{one.granularity} {one.scorer}: {'no size' if one.enough is None else one.enough}" for one in of_model
    )
    caption = (
        "Against the largest calibration set, in pairs of different calibration seeds. Above: rank correlation of"
        " contributions, the band is the range over the pairs; below: overlap of the units removed, a mean over the"
        f" sparsities. Dotted: {SAME:g} and {SHARED:.2f}, where they count as the same. The smallest sizes that are"
        f" enough: {sizes}."
    )
    return Sketch(title, f"{title}. {sizes}.", caption, (9.6, 4.2 + legend_height(styled)), paint, model)


def _settling(entry: StabilityEntry) -> Settling:
    spearman = ((one.size, one.largest.spearman) for one in entry.sizes)
    jaccard = ((one.size, mean_overlap(one.largest.jaccard)) for one in entry.sizes)
    return Settling(
        entry.model,
        entry.scorer,
        entry.granularity,
        tuple((size, rho.mean, rho.low, rho.high) for size, rho in spearman if rho is not None),
        tuple((size, overlap) for size, overlap in jaccard if overlap is not None),
        entry.enough,
    )


def _paint_correlations(axes: Axes, settling: Settling, style: Style) -> None:
    """The curve of the means, in the band of the range."""
    _curve(axes, [point[:2] for point in settling.correlations], style)
    sizes, _, lows, highs = zip(*settling.correlations, strict=True)
    axes.fill_between(sizes, lows, highs, color=style.color, alpha=0.13, linewidth=0)


def _curve(axes: Axes, points: Sequence[tuple[int, float]], style: Style) -> None:
    sizes = [size for size, _ in points]
    values = [value for _, value in points]
    axes.plot(sizes, values, color=style.color, marker=style.marker, linestyle=style.dash)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, list(map(str, sizes)))
    axes.minorticks_off()
