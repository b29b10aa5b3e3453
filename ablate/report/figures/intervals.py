"""Draws the Δ of each cell with its interval and the draws of its matched control: a forest plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from ablate.judge.effects import Stage, over_tasks
from ablate.judge.group import Group, label
from ablate.report import verdicts, wording
from ablate.report.figures import figure
from ablate.report.figures.figure import COLORS, INK, MARKS_FONT, PAPER, SOFT, Figure, data, text
from ablate.report.table import MARKS

MOST = 30
"""The most cells of a model in one figure. If there are more, the best are drawn."""

_ROW = 32
"""Pixels for a cell: its name above its interval, so that long names leave the width to the intervals."""


@dataclass(frozen=True)
class Forest:
    """The cells of one model, the best first."""

    stage: Stage
    groups: tuple[Group, ...]


def forests(stages: Sequence[Stage], most: int = MOST) -> list[Forest]:
    """The best cells of each stage that has an interval or a matched control."""
    found = []
    for stage in stages:
        sign = stage.measure.sign
        valued = [(sign * value, group) for group in stage.groups if (value := stage.effect(group).value) is not None]
        ranked = [group for _, group in sorted(valued, key=lambda pair: -pair[0])][:most]
        if any(stage.evidence_on(group) or draws_of(stage, group) for group in ranked):
            found.append(Forest(stage, tuple(ranked)))
    return found


def intervals_figure(stages: Sequence[Stage], title: str) -> Figure | None:
    """The cells of each model, the best on top; None if no cell has an interval or a matched control.

    Args:
        stages: of one name and one measure, each of another model. All have one scale.
    """
    drawn = forests(stages)
    if not drawn:
        return None
    edges = reach(drawn)
    found = (row for forest in drawn for row in _rows(forest))
    rows = figure.complete(found, "interval", "verdict", "q", "draws")
    draws = [row for forest in drawn for row in _draw_rows(forest, edges)]
    beyond = any(row["edge"] for row in draws)
    charts = []
    for place, forest in enumerate(drawn):
        model = text(forest.stage.model)
        chart = _panel(
            [row for row in rows if row["model"] == model],
            [row for row in draws if row["model"] == model],
            edges,
            text(f"Δ, {forest.stage.measure.unit}"),
            figure.zoom(f"zoom{place}"),
        ).properties(height=_ROW * len(forest.groups))
        charts.append(chart.properties(title=model) if len(drawn) > 1 else chart)
    every = [group for forest in drawn for group in forest.groups]
    left_out = max(len(stage.groups) for stage in stages)
    caption = (
        "Dot and line: Δ against dense and its 95 % interval. Strokes: the draws of the matched control, which remove"
        f" as many random units in each layer.{' Arrows: draws beyond the edge.' if beyond else ''}"
        f"{f' The best {MOST} of {left_out} cells.' if left_out > MOST else ''}"
        f"{''.join(f' {sentence}' for sentence in verdicts.draws(every) or (verdicts.NO_DRAWS,))}"
    )
    alternative = f"{title}. " + "; ".join(_alt(forest, group) for forest in drawn for group in forest.groups[:5])
    return figure.of(title, caption, alternative, figure.panels(charts, 1))


def draws_of(stage: Stage, group: Group) -> list[float]:
    """The Δ of each matched draw."""
    means = (over_tasks(rows, stage.splits, stage.delta_of).value for rows in group.matched.values())
    return [value for value in means if value is not None]


def reach(drawn: Sequence[Forest]) -> tuple[float, float]:
    """The ends of the x axis: at most twice as wide as all intervals together, however far the draws are."""
    ends, draws = [0.0], [0.0]
    for forest in drawn:
        for group in forest.groups:
            evidence = forest.stage.evidence_on(group)
            ends += [evidence.low, evidence.high] if evidence else [forest.stage.effect(group).value or 0.0]
            draws += draws_of(forest.stage, group)
    low, high = min(ends), max(ends)
    # The fallback is for cells that all have a Δ of 0 and no interval, since an axis needs a width.
    margin = (high - low) / 2 or 1.0
    pad = margin / 10
    return max(low - margin, min([*ends, *draws]) - pad), min(high + margin, max([*ends, *draws]) + pad)


def _rows(forest: Forest) -> Iterator[dict[str, Any]]:
    stage, places = forest.stage, forest.stage.measure.places
    for place, group in enumerate(forest.groups):
        value, evidence = stage.effect(group).value or 0.0, stage.evidence_on(group)
        row: dict[str, Any] = {
            "model": text(stage.model),
            "place": place,
            "cell": text(label(group, forest.groups), 60),
        }
        row |= {"kind": "at random" if group.is_control else "cell", "value": value}
        row |= {"Δ": wording.signed(value, places), "said": wording.signed(value, places)}
        if evidence:
            row |= {"low": evidence.low, "high": evidence.high, "interval": verdicts.interval(evidence, places)}
        if evidence and evidence.verdict:
            row |= {"verdict": evidence.said or evidence.verdict, "q": verdicts.q_verdict(evidence)}
            row["said"] += f" {MARKS[evidence.verdict]}"
        if draws_of(stage, group):
            row["draws"] = wording.effect(stage.matched(group), places)
        yield row


def _draw_rows(forest: Forest, edges: tuple[float, float]) -> Iterator[dict[str, Any]]:
    """A row for each draw. edge: -1 or 1 where it is beyond the edge, at which it is drawn then."""
    low, high = edges
    for place, group in enumerate(forest.groups):
        for draw in draws_of(forest.stage, group):
            edge = -1 if draw < low else 1 if draw > high else 0
            said = wording.signed(draw, forest.stage.measure.places)
            row = {"model": text(forest.stage.model), "place": place, "edge": edge, "value": min(max(draw, low), high)}
            yield {**row, "cell": text(label(group, forest.groups), 60), "Δ of the draw": said}


def _panel(
    rows: Sequence[dict[str, Any]],
    draws: Sequence[dict[str, Any]],
    edges: tuple[float, float],
    title: str,
    zoom: alt.Parameter,
) -> Any:
    tips = [alt.Tooltip("cell:N"), alt.Tooltip("Δ:N")]
    tips += [
        alt.Tooltip(field, type="nominal", title=heading)
        for field, heading in (
            ("interval", "95 %"),
            ("verdict", "verdict"),
            ("q", "q of verdict"),
            ("draws", "matched draws"),
        )
        if any(field in row for row in rows)
    ]
    y = alt.Y("place:O", axis=None, scale=alt.Scale(domain=[row["place"] for row in rows]))
    scale = alt.Scale(domain=edges, nice=False, zero=False)
    x = alt.X("value:Q", title=title, scale=scale, axis=alt.Axis(tickCount=6))
    kinds = alt.Scale(domain=["cell", "at random"], range=[COLORS[0], SOFT])
    color = alt.Color("kind:N", scale=kinds, legend=None)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=["cell", "at random"], range=["circle", "square"]), legend=None)
    base = alt.Chart(data(rows)).encode(y=y, tooltip=tips)
    drawn = alt.Chart(data(draws)).encode(y=y, x=x, tooltip=[alt.Tooltip("cell:N"), alt.Tooltip("Δ of the draw:N")])
    arrows = alt.Shape(
        "edge:N", scale=alt.Scale(domain=[-1, 1], range=["triangle-left", "triangle-right"]), legend=None
    )
    layers = [
        alt.Chart(data([{}])).mark_rule(color=SOFT).encode(x=alt.datum(0)),
        drawn.transform_filter("datum.edge == 0").mark_tick(
            color=COLORS[1], yOffset=7, thickness=1.5, height=11, clip=True
        ),
        drawn.transform_filter("datum.edge != 0")
        .mark_point(color=COLORS[1], filled=True, yOffset=7, size=60)
        .encode(shape=arrows),
        base.mark_rule(strokeWidth=2, yOffset=7, clip=True).encode(x="low:Q", x2="high:Q", color=color),
        base.mark_point(filled=True, size=64, yOffset=7, opacity=1, clip=True)
        .encode(x=x, color=color, shape=shape)
        .add_params(zoom),
        *_written(base, "cell:N", alt.value(2), align="left"),
        *_written(base, "said:N", alt.value("width"), align="right", font=MARKS_FONT),
    ]
    shown = layers if draws else [layers[0], *layers[3:]]
    return alt.layer(*shown).resolve_scale(shape="independent")


def _written(base: Any, field: str, x: Any, **font: str) -> Iterator[Any]:
    """A text above each interval, on paper of its own: the line at 0 would read as a minus, or hide one."""
    for look in ({"color": PAPER, "stroke": PAPER, "strokeWidth": 4}, {"color": INK}):
        yield base.mark_text(dy=-8, fontSize=11, **look, **font).encode(x=x, text=field)


def _alt(forest: Forest, group: Group) -> str:
    evidence = forest.stage.evidence_on(group)
    ends = f", interval {verdicts.interval(evidence)}" if evidence else ""
    return f"{label(group, forest.groups)}: {wording.effect(forest.stage.effect(group))}{ends}"
