"""Stability curves: how contributions settle as the calibration set grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ablate.report.figures.drawing import FAINT, Sketch, Style, legend, legend_height, styles, text
from ablate.statistics.ranking_agreement import SAME, SHARED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

_COLUMNS = 3


@dataclass(frozen=True)
class Settling:
    """One scorer at one granularity of a model.

    correlations: (size, mean, low, high) of Spearman's ρ with the largest size. overlaps: (size, mean over the
    sparsities of the Jaccard index of the removed units). enough: the size that is enough, None if none is.
    """

    model: str
    scorer: str
    granularity: str
    correlations: tuple[tuple[int, float, float, float], ...]
    overlaps: tuple[tuple[int, float], ...]
    enough: int | None


def read_stability(payload: Any) -> list[Settling]:
    """What docs/stability.md describes; an entry that has not its form, or no size, is left out."""
    found = []
    for entry in payload if isinstance(payload, list) else []:
        try:
            made = _read(entry)
        except (KeyError, TypeError, ValueError):
            continue
        if made.correlations:
            found.append(made)
    return found


def stability_figure(entries: Sequence[Settling], model: str) -> Sketch | None:
    """Above, the rank correlation with the largest size, below, the overlap of the units removed."""
    own = [entry for entry in entries if entry.model == model and len(entry.correlations) > 1]
    if not own:
        return None
    kinds = list(dict.fromkeys(entry.granularity for entry in own))[:_COLUMNS]
    styled = styles(entry.scorer for entry in own)

    def paint(figure: FigureBase) -> None:
        panels = figure.subplots(2, len(kinds), squeeze=False, sharex=True)
        for column, kind in enumerate(kinds):
            for entry in [entry for entry in own if entry.granularity == kind]:
                _curve(panels[0, column], [one[:2] for one in entry.correlations], styled[entry.scorer])
                sizes, _, lows, highs = zip(*entry.correlations, strict=True)
                color = styled[entry.scorer].color
                panels[0, column].fill_between(sizes, lows, highs, color=color, alpha=0.13, linewidth=0)
                _curve(panels[1, column], entry.overlaps, styled[entry.scorer])
            panels[0, column].set_title(text(kind))
            panels[1, column].set_xlabel("calibration pairs and sentences")
            for row, line in enumerate((SAME, SHARED)):
                panels[row, column].axhline(line, color=FAINT, linewidth=0.8, linestyle=":")
        panels[0, 0].set_ylabel("Spearman's ρ")
        panels[1, 0].set_ylabel("Jaccard of removed")
        legend(figure, styled)

    title = f"Stability of the contributions of {model}"
    said = "; ".join(
        f"{entry.granularity} {entry.scorer}: {'no size' if entry.enough is None else entry.enough}" for entry in own
    )
    caption = (
        "Against the largest calibration set, in pairs of different calibration seeds. Above: rank correlation of"
        " contributions, the band is the range over the pairs; below: overlap of the units removed, a mean over the"
        f" sparsities. Dotted: {SAME:g} and {SHARED:.2f}, where they count as the same. The smallest sizes that are"
        f" enough: {said}."
    )
    return Sketch(title, f"{title}. {said}.", caption, (9.6, 4.2 + legend_height(styled)), paint, model)


def _read(entry: Mapping[str, Any]) -> Settling:
    correlations, overlaps = [], []
    for one in entry["sizes"]:
        compared = one["largest"]
        if (rho := compared["spearman"]) is not None:
            correlations.append((int(one["size"]), float(rho["mean"]), float(rho["low"]), float(rho["high"])))
        means = [float(cell["value"]["mean"]) for cell in compared["jaccard"] if cell["value"] is not None]
        if means:
            overlaps.append((int(one["size"]), sum(means) / len(means)))
    model, scorer, granularity = (str(entry[name]) for name in ("model", "scorer", "granularity"))
    enough = entry.get("enough")
    least = None if enough is None else int(enough)
    return Settling(model, scorer, granularity, tuple(correlations), tuple(overlaps), least)


def _curve(axes: Axes, points: Sequence[tuple[int, float]], style: Style) -> None:
    sizes = [size for size, _ in points]
    values = [value for _, value in points]
    axes.plot(sizes, values, color=style.color, marker=style.marker, linestyle=style.dash)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, list(map(str, sizes)))
    axes.minorticks_off()
