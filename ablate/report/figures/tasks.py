"""Draws the Δ of the best cells on each task, with intervals: a forest plot of tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from ablate.judge.effects import Stage
from ablate.judge.group import label
from ablate.report import verdicts, wording
from ablate.report.figures import figure
from ablate.report.figures.figure import SOFT, Figure, Styles, data, seen, text
from ablate.report.figures.intervals import Forest, forests

MOST = 6
"""The most cells of a model in one figure: the best."""

MEAN = "mean"
"""The first row, of the mean over all tasks."""


def tasks_figure(stages: Sequence[Stage], title: str) -> Figure | None:
    """The best cells of each model on each task; None if there is one task, or no interval.

    Args:
        stages: of one name and one measure, each of another model. All have one scale.
    """
    several = [
        Forest(forest.stage, tuple(group for group in forest.groups if not group.is_control)[:MOST])
        for forest in forests([stage for stage in stages if len(stage.splits) > 1])
    ]
    drawn = [forest for forest in several if any(forest.stage.evidence_on(group) for group in forest.groups)]
    if not drawn:
        return None
    styled = figure.styles(label(group, forest.groups) for forest in drawn for group in forest.groups)
    rows = [figure.complete(_rows(forest), "interval", "verdict") for forest in drawn]
    toggle = figure.toggle("cell")
    charts: list[Any] = []
    for forest, of_model in zip(drawn, rows, strict=True):
        step = 10 * len(forest.groups) + 12
        own = [figure.zoom(f"zoom{len(charts)}"), *([] if charts else [toggle])]
        chart = _panel(of_model, styled, toggle, own, _ends(rows), text(f"Δ, {forest.stage.measure.unit}"))
        chart = chart.properties(height=step * len({row["task"] for row in of_model}))
        charts.append(chart.properties(title=text(forest.stage.model)) if len(drawn) > 1 else chart)
    caption = (
        "Dot and line: Δ of a cell on a task and its 95 % interval. The"
        f" first row is the mean over the tasks. The best {MOST} cells at most; the tables have all."
    )
    return figure.of(title, caption, _alt(drawn, title), figure.panels(charts, 1), styled.labels)


def _rows(forest: Forest) -> Iterator[dict[str, Any]]:
    stage, places = forest.stage, forest.stage.measure.places
    for task in (None, *stage.splits):
        for group in forest.groups:
            value = stage.effect(group, tasks=() if task is None else (task,)).value
            if value is None:
                continue
            row: dict[str, Any] = {
                "task": MEAN if task is None else text(task),
                "cell": text(label(group, forest.groups)),
            }
            row |= {"value": value, "Δ": wording.signed(value, places)}
            evidence = stage.evidence_on(group, task)
            if evidence:
                row |= {"low": evidence.low, "high": evidence.high, "interval": verdicts.interval(evidence, places)}
            if evidence and evidence.verdict:
                row["verdict"] = evidence.said or evidence.verdict
            yield row


def _ends(rows: Sequence[Sequence[dict[str, Any]]]) -> tuple[float, float]:
    ends = [0.0, *(row[name] for found in rows for row in found for name in ("value", "low", "high") if name in row)]
    pad = ((max(ends) - min(ends)) or 1.0) / 20
    return min(ends) - pad, max(ends) + pad


def _panel(
    rows: Sequence[dict[str, Any]],
    styled: Styles,
    toggle: alt.Parameter,
    own: Sequence[alt.Parameter],
    edges: tuple[float, float],
    title: str,
) -> Any:
    tips = [alt.Tooltip(name, type="nominal") for name in ("task", "cell", "Δ")]
    tips += [alt.Tooltip("interval:N", title="95 %")] if "interval" in rows[0] else []
    tips += [alt.Tooltip("verdict:N")] if "verdict" in rows[0] else []
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    cells = [name for name in styled.labels if any(row["cell"] == name for row in rows)]
    scale = alt.Scale(domain=edges, nice=False, zero=False)
    x = alt.X("value:Q", title=title, scale=scale, axis=alt.Axis(tickCount=6))
    base = alt.Chart(data(rows)).encode(
        y=alt.Y("task:N", title=None, sort=tasks, axis=alt.Axis(grid=False, ticks=False, domain=False)),
        yOffset=alt.YOffset("cell:N", sort=cells, scale=alt.Scale(paddingOuter=0.7)),
        color=styled.color("cell"),
        tooltip=tips,
    )
    rule, point = base.mark_rule(strokeWidth=1.6, clip=True), base.mark_point(filled=True, size=44, clip=True)
    return alt.layer(
        alt.Chart(data([{}])).mark_rule(color=SOFT).encode(x=alt.datum(0)),
        # Only the first layer in color makes a legend listen.
        rule.encode(x=alt.X("low:Q"), x2="high:Q", opacity=seen(toggle)).add_params(*own),
        point.encode(x=x, shape=styled.shape("cell"), opacity=seen(toggle)),
    )


def _alt(drawn: Sequence[Forest], title: str) -> str:
    parts = []
    for forest in drawn:
        for group in forest.groups:
            harmed = [
                task
                for task in forest.stage.splits
                if (item := forest.stage.evidence_on(group, task)) and item.verdict in ("harms", "worse")
            ]
            said = f"lower on {', '.join(harmed)}" if harmed else "shown lower on no task"
            parts.append(f"{label(group, forest.groups)}: {said}")
    return f"{title}. {'; '.join(parts)}."
