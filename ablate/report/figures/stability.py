"""Draws stability curves: how contributions settle as the calibration set grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from ablate.report.figures import figure
from ablate.report.figures.figure import SOFT, Figure, Styles, data, seen, text
from ablate.statistics.ranking_agreement import SAME, SHARED
from ablate.studies.stability_record import StabilityEntry, mean_overlap

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


def stability_figure(settlings: Sequence[Settling], model: str) -> Figure | None:
    """Panels of the rank correlation with the largest size, above panels of the overlap of the removed units."""
    of_model = [settling for settling in settlings if settling.model == model and len(settling.correlations) > 1]
    if not of_model:
        return None
    granularities = list(dict.fromkeys(settling.granularity for settling in of_model))[:_COLUMNS]
    styled = figure.styles(settling.scorer for settling in of_model)
    toggle = figure.toggle("scorer")
    panels: list[Any] = []
    for measure, same, rows_of in (("Spearman's ρ", SAME, _correlations), ("Jaccard of removed", SHARED, _overlaps)):
        for granularity in granularities:
            rows = [row for one in of_model if one.granularity == granularity for row in rows_of(one)]
            own = [] if panels else [toggle]
            panels.append(_panel(rows, styled, toggle, own, measure, same).properties(title=text(granularity)))
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
    drawing = figure.panels(panels, len(granularities))
    return figure.of(title, caption, f"{title}. {sizes}.", drawing, styled.labels)


def _correlations(settling: Settling) -> list[dict[str, Any]]:
    return [
        {"scorer": text(settling.scorer), "size": size, "value": mean, "low": low, "high": high}
        for size, mean, low, high in settling.correlations
    ]


def _overlaps(settling: Settling) -> list[dict[str, Any]]:
    return [{"scorer": text(settling.scorer), "size": size, "value": value} for size, value in settling.overlaps]


def _panel(
    rows: Sequence[dict[str, Any]],
    styled: Styles,
    toggle: alt.Parameter,
    own: Sequence[alt.Parameter],
    measure: str,
    same: float,
) -> Any:
    sizes = sorted({row["size"] for row in rows})
    # The default sizes double from one to the next.
    scale = alt.Scale(type="log", base=2, nice=False, padding=10)
    x = alt.X("size:Q", title="calibration pairs and sentences", scale=scale, axis=alt.Axis(values=sizes, grid=False))
    y = alt.Y("value:Q", title=measure, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
    tips = [alt.Tooltip("scorer:N"), alt.Tooltip("size:Q"), alt.Tooltip("value:Q", title=measure, format=".3f")]
    base = alt.Chart(data(rows)).encode(x=x, y=y, color=styled.color("scorer"))
    layers: list[Any] = [
        alt.Chart(data([{}])).mark_rule(color=SOFT, strokeDash=[2, 2]).encode(y=alt.datum(same)),
        base.mark_area().encode(y="low:Q", y2="high:Q", fillOpacity=seen(toggle, 0.14)),
        base.mark_line(strokeWidth=1.8).encode(strokeDash=styled.dash("scorer"), opacity=seen(toggle)),
        base.mark_point(filled=True, size=52).encode(shape=styled.shape("scorer"), opacity=seen(toggle), tooltip=tips),
    ]
    shown = layers if any("low" in row for row in rows) else [layers[0], *layers[2:]]
    shown[1] = shown[1].add_params(*own)  # only the first layer in color makes a legend listen
    return alt.layer(*shown).properties(height=200)


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
