"""Draws stability curves: how contributions settle as the calibration set grows."""

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
    """The curves of each entry, without entries whose correlations are all undefined."""
    return [curves for entry in entries if (curves := _settling(entry)).correlations]


def stability_figure(settlings: Sequence[Settling], model: str) -> Sketch | None:
    """Panels of the rank correlation with the largest size, above panels of the overlap of the removed units."""
    of_model = [settling for settling in settlings if settling.model == model and len(settling.correlations) > 1]
    if not of_model:
        return None
    granularities = list(dict.fromkeys(settling.granularity for settling in of_model))[:_COLUMNS]
    styled = styles(settling.scorer for settling in of_model)

    def paint(figure: FigureBase) -> None:
        panels = figure.subplots(2, len(granularities), squeeze=False, sharex=True)
        for column, granularity in enumerate(granularities):
            correlation_axes, overlap_axes = panels[:, column]
            for settling in of_model:
                if settling.granularity == granularity:
                    _paint_correlations(correlation_axes, settling, styled[settling.scorer])
                    _curve(overlap_axes, settling.overlaps, styled[settling.scorer])
            correlation_axes.set_title(text(granularity))
            overlap_axes.set_xlabel("calibration pairs and sentences")
            for axes, threshold in ((correlation_axes, SAME), (overlap_axes, SHARED)):
                axes.axhline(threshold, color=FAINT, linewidth=0.8, linestyle=":")
        panels[0, 0].set_ylabel("Spearman's ρ")
        panels[1, 0].set_ylabel("Jaccard of removed")
        legend(figure, styled)

    title = f"Stability of the contributions of {model}"
    sizes = "; ".join(
        f"{settling.granularity} {settling.scorer}: {'no size' if settling.enough is None else settling.enough}"
        for settling in of_model
    )
    caption = (
        "Compared with the largest calibration sets of other seeds. Above: the rank correlation of contributions, with"
        " its range as the band; below: the overlap of the removed units, as a mean over the sparsities. Dotted:"
        f" {SAME:g} and {SHARED:.2f}, from which they count as the same. The smallest sizes that are enough: {sizes}."
    )
    return Sketch(title, f"{title}. {sizes}.", caption, (9.6, 4.2 + legend_height(styled)), paint, model)


def _settling(entry: StabilityEntry) -> Settling:
    spearman = ((agreement.size, agreement.largest.spearman) for agreement in entry.sizes)
    jaccard = ((agreement.size, mean_overlap(agreement.largest.jaccard)) for agreement in entry.sizes)
    return Settling(
        entry.model,
        entry.scorer,
        entry.granularity,
        tuple((size, rho.mean, rho.low, rho.high) for size, rho in spearman if rho is not None),
        tuple((size, overlap) for size, overlap in jaccard if overlap is not None),
        entry.enough,
    )


def _paint_correlations(axes: Axes, settling: Settling, style: Style) -> None:
    """The curve of the means, in a band from the lowest to the highest."""
    _curve(axes, [point[:2] for point in settling.correlations], style)
    sizes, _, lows, highs = zip(*settling.correlations, strict=True)
    axes.fill_between(sizes, lows, highs, color=style.color, alpha=0.13, linewidth=0)


def _curve(axes: Axes, points: Sequence[tuple[int, float]], style: Style) -> None:
    sizes = [size for size, _ in points]
    values = [value for _, value in points]
    axes.plot(sizes, values, color=style.color, marker=style.marker, linestyle=style.dash)
    # The default sizes double from one to the next.
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, list(map(str, sizes)))
    axes.minorticks_off()
