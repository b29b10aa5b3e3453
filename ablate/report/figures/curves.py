"""Draws sparsity curves: how the score changes as more units are removed, for each granularity and model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from ablate.judge.effects import Measure, Stage
from ablate.report import verdicts, wording
from ablate.report.curves import Curve, Point, curves
from ablate.report.figures import figure
from ablate.report.figures.figure import PAPER, SOFT, Figure, Styles, data, seen, text
from ablate.report.table import MARKS, MEANINGS

_COLUMNS = 3
MOST = 30
"""The most scorers in one figure, each of which has a style of its own. If there are more, the best are drawn."""

MARKED = 600
"""The most points with a mark of their verdict. More would cover the curves."""

MOST_POINTS = 100
"""The most points of a curve. Of more, as many are drawn, evenly spread."""

_HEIGHT = 230
_HAS_BAND, _HAS_DRAWS = "isValid(datum.low)", "isValid(datum.matched)"
_PADDED = alt.Scale(zero=False, nice=False, padding=10)


def curves_figure(stages: Sequence[Stage], title: str) -> Figure | None:
    """A panel for each granularity and model; None if no scorer has two sparsities.

    Args:
        stages: of one name and one measure, each of another model. Their panels have one scale.
    """
    every = {stage.model: found for stage in stages if (found := curves(stage))}
    if not every:
        return None
    measure = stages[0].measure
    shown = _best(measure, [curve for found in every.values() for curve in found])
    drawn = {model: [curve for curve in found if curve.label in shown] for model, found in every.items()}
    flat = [curve for found in drawn.values() for curve in found]
    # The same style for a scorer in all panels, since they share one legend.
    styled = figure.styles((curve.label for curve in flat), {curve.label for curve in flat if curve.seeded})
    marked = sum(len(curve.points) for curve in flat) <= MARKED
    toggle = figure.toggle("scorer")
    panels: list[Any] = []
    cut = False
    for granularity in dict.fromkeys(curve.granularity for curve in flat):
        of_kind = {model: [c for c in found if c.granularity == granularity] for model, found in drawn.items()}
        low, high, is_cut = _scale(measure, [curve for found in of_kind.values() for curve in found])
        cut |= is_cut
        for model, of_model in of_kind.items():
            if of_model:
                heading = text(granularity) if len(every) == 1 else f"{text(granularity)}, {text(model)}"
                # All panels share the legend, and the parameter that listens to it is part of one of them.
                own = [figure.zoom(f"zoom{len(panels)}"), *([] if panels else [toggle])]
                panel = _panel(_rows(of_model, measure, marked), styled, measure, (low, high), toggle, own)
                panels.append(panel.properties(title=heading, height=_HEIGHT))
    columns = _COLUMNS if len(every) == 1 else min(_COLUMNS, len(every))
    return figure.of(
        title,
        _caption(stages, every, drawn, marked, cut),
        _alt(measure, drawn, title),
        figure.panels(panels, columns),
        styled.labels,
    )


def _caption(
    stages: Sequence[Stage],
    every: Mapping[str, Sequence[Curve]],
    drawn: Mapping[str, Sequence[Curve]],
    marked: bool,
    cut: bool,
) -> str:
    flat = [curve for found in drawn.values() for curve in found]
    judged = any(stage.evidence_on(group) for stage in stages for group in stage.groups)
    sentences = ["The band is the 95 % interval." if judged else "No intervals were made."]
    sentences += (
        ["The band of a seeded control is ± the sample sd over its seeds."] if any(c.seeded for c in flat) else []
    )
    sentences += (
        ["Hollow: the mean of the matched draws ± sd."] if any(p.matched for c in flat for p in c.points) else []
    )
    if any(point.verdict for curve in flat for point in curve.points):
        groups = [group for stage in stages for group in stage.groups if not group.is_control]
        draws = " ".join(verdicts.draws(groups) or (verdicts.NO_DRAWS,))
        mark = f"Above a point, its verdict: {MEANINGS}. {draws}" if marked else "The verdicts are in the table."
        sentences.append(mark)
    sentences.append("0 is the dense model.")
    sentences += ["Points outside a panel are in the table."] if cut else []
    count = len({curve.label for found in every.values() for curve in found})
    sentences += [f"The best {MOST} of {count} scorers."] if count > MOST else []
    most = max(len(curve.points) for curve in flat)
    sentences += [f"{MOST_POINTS} of {most} sparsities are drawn."] if most > MOST_POINTS else []
    return " ".join(sentences)


def _best(measure: Measure, drawn: Sequence[Curve]) -> set[str]:
    """The labels to draw: all, or those whose best point is the highest; controls first."""
    sign = measure.sign
    highest: dict[str, tuple[bool, float]] = {}
    for curve in drawn:
        best = curve.seeded, max(sign * point.value for point in curve.points)
        highest[curve.label] = max(best, highest.get(curve.label, best))
    return set(sorted(highest, key=highest.__getitem__, reverse=True)[:MOST])


def _spread(points: Sequence[Point]) -> Sequence[Point]:
    step = (len(points) - 1) / (MOST_POINTS - 1)
    return points if step <= 1 else [points[round(place * step)] for place in range(MOST_POINTS)]


def _rows(drawn: Sequence[Curve], measure: Measure, marked: bool) -> list[dict[str, Any]]:
    """A row for each point, with what is said of it in words."""
    rows = []
    for curve in drawn:
        for point in _spread(curve.points):
            row: dict[str, Any] = {"scorer": text(curve.label), "sparsity": point.sparsity, "value": point.value}
            row["Δ"] = wording.signed(point.value, measure.places)
            if point.low is not None and point.high is not None:
                row |= {"low": point.low, "high": point.high}
                ends = wording.signed(point.low, measure.places), wording.signed(point.high, measure.places)
                row["band"] = " to ".join(ends)
            if point.matched:
                mean, sd = point.matched
                row |= {"matched": mean, "least": mean - sd, "most": mean + sd}
                row["draws"] = f"{wording.signed(mean, measure.places)} ± {sd:.{measure.places}f}"
            if point.verdict:
                row["verdict"] = point.verdict
                row["mark"] = MARKS.get(point.verdict, "") if marked else ""
            rows.append(row)
    return figure.complete(figure.complete(rows, "band", "draws", "verdict"), "mark", blank="")


def _panel(
    rows: Sequence[dict[str, Any]],
    styled: Styles,
    measure: Measure,
    edges: tuple[float, float],
    toggle: alt.Parameter,
    own: Sequence[alt.Parameter],
) -> Any:
    tips = [alt.Tooltip("scorer:N"), alt.Tooltip("sparsity:Q", format="~g", title="sparsity, %"), alt.Tooltip("Δ:N")]
    for field, title in (("band", "interval"), ("draws", "matched draws"), ("verdict", "verdict")):
        tips += [alt.Tooltip(field, type="nominal", title=title)] if any(field in row for row in rows) else []
    x = alt.X("sparsity:Q", title="sparsity, %", axis=alt.Axis(grid=False, tickCount=5), scale=_PADDED)
    scale = alt.Scale(domain=edges, nice=False, zero=False)
    axis = alt.Axis(grid=True, tickCount=6)
    y = alt.Y("value:Q", title=text(f"Δ, {measure.unit}"), scale=scale, axis=axis)
    color, shape = styled.color("scorer"), styled.shape("scorer")
    base = alt.Chart().encode(x=x, color=color, tooltip=tips)
    points = base.mark_point(clip=True, filled=True, size=52).encode(y=y, shape=shape, opacity=seen(toggle))
    layers: list[Any] = [alt.Chart(data([{}])).mark_rule(color=SOFT).encode(y=alt.datum(0))]
    if any("low" in row for row in rows):
        area = base.transform_filter(_HAS_BAND).mark_area(clip=True)
        layers.append(area.encode(y="low:Q", y2="high:Q", fillOpacity=seen(toggle, 0.14), tooltip=alt.value(None)))
    line = base.mark_line(clip=True, strokeWidth=1.8)
    layers.append(line.encode(y=y, strokeDash=styled.dash("scorer"), opacity=seen(toggle), tooltip=alt.value(None)))
    if any("matched" in row for row in rows):
        drawn = base.transform_filter(_HAS_DRAWS)
        hollow = drawn.mark_point(clip=True, filled=True, fill=PAPER, size=34, strokeWidth=1.4)
        layers += [
            drawn.mark_rule(clip=True).encode(y="least:Q", y2="most:Q", opacity=seen(toggle)),
            hollow.encode(y="matched:Q", shape=shape, stroke=color, opacity=seen(toggle)),
        ]
    layers.append(points)
    if any(row.get("mark") for row in rows):
        marks = base.mark_text(dy=-9, fontSize=10, clip=True)
        layers.append(marks.encode(y=y, text="mark:N", opacity=seen(toggle)))
    layers[1] = layers[1].add_params(*own)  # only the first layer in color makes a legend listen
    return alt.layer(*layers, data=data(rows))


def _scale(measure: Measure, drawn: Sequence[Curve]) -> tuple[float, float, bool]:
    """The ends of the y axis of all panels of a granularity, and whether points are below the lower one.

    A random control may fall so deep that the curves of the scorers would be flat on the same axis. So the axis goes at
    most as far below the scorers as their values are apart.
    """
    points = [(curve.seeded, point) for curve in drawn for point in curve.points]
    values = [(s, v) for s, p in points for v in (p.value, p.low, p.high) if v is not None]
    matched = [v for _, p in points if p.matched for v in (p.matched[0] - p.matched[1], p.matched[0] + p.matched[1])]
    low, high = min([*(v for _, v in values), *matched, 0.0]), max([*(v for _, v in values), *matched, 0.0])
    unseeded = [v for seeded, v in values if not seeded]
    cut = False
    if unseeded and measure.higher_is_better:
        own_low, own_high = min([*unseeded, 0.0]), max([*unseeded, 0.0])
        floor = own_low - (own_high - own_low)
        low, cut = max(low, floor), low < floor
    pad = ((high - low) or 1.0) / 16
    return low if cut else low - pad, high + 1.5 * pad, cut


def _alt(measure: Measure, drawn: Mapping[str, Sequence[Curve]], title: str) -> str:
    best = max if measure.higher_is_better else min
    parts = []
    for model, found in drawn.items():
        for granularity in dict.fromkeys(curve.granularity for curve in found):
            own = [curve for curve in found if curve.granularity == granularity]
            value, sparsity, label = best((p.value, p.sparsity, curve.label) for curve in own for p in curve.points)
            place = granularity if len(drawn) == 1 else f"{granularity} of {model}"
            parts.append(f"{place}: best {value:+.2f} by {label} at {sparsity:g} %")
    return f"{title}. {'; '.join(parts)}."
