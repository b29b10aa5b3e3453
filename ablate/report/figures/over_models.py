"""Draws the best cells of several models, and where in depth their units are: a panel for each model, on one scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from ablate.record import ModelLine, OverModels, PooledLine
from ablate.report.figures import figure
from ablate.report.figures.figure import COLORS, INK, SOFT, Figure, data, text
from ablate.report.over_models import NOTHING_CONFIRMED, depth_said, interval, measured, places
from ablate.report.table import MARKS
from ablate.report.wording import signed

_ROW = 34
"""Pixels for a cell: its name above its interval."""

_COLUMNS = 3
_POOLED = "pooled over lineages"
_THIRDS = ("first", "middle", "last")


def best_figure(over: OverModels, by: str) -> Figure | None:
    """The best cell of each granularity, or by each scorer, of each model, and the pooled gains; None without any.

    Args:
        by: ``granularity`` or ``scorer``.
    """
    names = list(dict.fromkeys(line.name for line in over.of(by)))
    if not names:
        return None
    panels: dict[str, list[dict[str, Any]]] = {}
    for line in over.of(by):
        panels.setdefault(line.model, []).append(_row(line, over))
    pooled = [row for line in over.pooled if line.by == by for row in _pooled_row(line, over)]
    if pooled:
        panels[_POOLED] = pooled
    ends = [0.0, *(row[end] for rows in panels.values() for row in rows for end in ("low", "high"))]
    pad = ((max(ends) - min(ends)) or 1.0) / 20
    edges = min(ends) - pad, max(ends) + pad
    charts = [_panel(model, rows, names, edges, over.unit, place) for place, (model, rows) in enumerate(panels.items())]
    title = f"The best {'confirmed ' if over.stage == 'confirm' else ''}cell of each model × {by}: {measured(over)}"
    caption = "Dot and line: Δ against dense and its 95 % interval. All panels have one scale."
    if over.stage != "confirm":
        caption += f" {NOTHING_CONFIRMED}"
    if pooled:
        optimistic = any(line.pooled and line.pooled.optimistic for line in over.pooled if line.by == by)
        cells = "the best cells, optimistic where these pairs picked them" if optimistic else "the cells first on dev"
        caption += (
            f" Pooled: the gain, above 0 is better, of {cells}, as a mean over lineages; its interval is over pairs,"
            " with these models."
        )
    alternative = f"{title}. " + "; ".join(f"{model}: {_said(rows)}" for model, rows in panels.items())
    return figure.of(title, caption, alternative, figure.panels(charts, _COLUMNS))


def depth_figure(over: OverModels) -> Figure | None:
    """The share of removed units in each third of the layers, for each model; None if it is not known of any."""
    rows = [row for line in over.of("granularity") for row in _depth_rows(line)]
    if not rows:
        return None
    kinds = list(dict.fromkeys(row["units"] for row in rows))
    styled = figure.styles(kinds)
    charts = []
    for model in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == model]
        base = alt.Chart(data(own)).encode(
            x=alt.X("third:N", sort=_THIRDS, title="third of the layers", axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("units:N", sort=kinds),
            y=alt.Y("share:Q", title="removed units, %", scale=alt.Scale(domain=[0, 100])),
            color=styled.color("units"),
            tooltip=[alt.Tooltip(f"{name}:N") for name in ("cell", "units", "third", "said")],
        )
        even = alt.Chart(data([{}])).mark_rule(color=SOFT, strokeDash=[4, 3]).encode(y=alt.datum(100 / 3))
        charts.append(alt.layer(base.mark_bar(), even).properties(title=model, height=150))
    title = "Where in depth the removed units are"
    caption = (
        "The share of the units that the best cell of each granularity removes, by third of the layers from the input"
        " on. Dashed: spread evenly over the layers."
    )
    said = (
        f"{line.model}, {name}: {depth_said(shares)} %"
        for line in over.of("granularity")
        for name, shares in (line.depth or {}).items()
    )
    return figure.of(title, caption, f"{title}. {'; '.join(said)}", figure.panels(charts, _COLUMNS), styled.labels)


def _row(line: ModelLine, over: OverModels) -> dict[str, Any]:
    digits = places(over)
    delta = line.delta or 0.0
    said = signed(delta, digits)
    return {
        "name": text(line.name),
        "cell": text(str(line.cell), 34),
        "value": delta,
        "low": delta if line.low is None else line.low,
        "high": delta if line.high is None else line.high,
        "Δ": said,
        "interval": interval(line.low, line.high, digits),
        "verdict": line.said or "–",
        "said": f"{said} {MARKS.get(line.verdict or '', '')}".strip(),
    }


def _pooled_row(line: PooledLine, over: OverModels) -> Iterator[dict[str, Any]]:
    gain, digits = line.pooled, places(over)
    if gain is None:
        return
    said, name = signed(gain.gain, digits), text(line.name, 34)
    yield {
        "name": text(line.name),
        "cell": name,
        "value": gain.gain,
        "low": gain.low,
        "high": gain.high,
        "Δ": said,
        "interval": interval(gain.low, gain.high, digits),
        "verdict": f"improves on {line.improves.models} of {line.models} models",
        "said": said,
    }


def _panel(
    model: str, rows: Sequence[dict[str, Any]], names: Sequence[str], edges: tuple[float, float], unit: str, place: int
) -> Any:
    tips = [alt.Tooltip(name, type="nominal") for name in ("cell", "Δ")]
    tips += [alt.Tooltip("interval:N", title="95 %"), alt.Tooltip("verdict:N")]
    # The same lines in each panel, so that a granularity stands at one height.
    y = alt.Y("name:N", axis=None, scale=alt.Scale(domain=[text(name) for name in names]))
    scale = alt.Scale(domain=edges, nice=False, zero=False)
    x = alt.X("value:Q", title=text(f"{'gain' if model == _POOLED else 'Δ'}, {unit}"), scale=scale)
    base = alt.Chart(data(rows)).encode(y=y, tooltip=tips)
    color = COLORS[1] if model == _POOLED else COLORS[0]
    layers = [
        alt.Chart(data([{}])).mark_rule(color=SOFT).encode(x=alt.datum(0)),
        base.mark_rule(strokeWidth=2, yOffset=8, clip=True, color=color).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_point(filled=True, size=64, yOffset=8, opacity=1, clip=True, color=color)
        .encode(x=x)
        .add_params(figure.zoom(f"zoom{place}")),
        base.mark_text(align="left", dy=-8, fontSize=10, color=INK).encode(x=alt.value(2), text="cell:N"),
        base.mark_text(align="right", dy=-8, fontSize=10, color=INK).encode(x=alt.value("width"), text="said:N"),
    ]
    return alt.layer(*layers).properties(title=text(model), height=_ROW * len(names))


def _said(rows: Sequence[dict[str, Any]]) -> str:
    return ", ".join(f"{row['cell']} {row['said']}, interval {row['interval']}" for row in rows)


def _depth_rows(line: ModelLine) -> Iterator[dict[str, Any]]:
    for name, shares in (line.depth or {}).items():
        units = name if name == line.name else f"{name} of {line.name}"
        for third, share in zip(_THIRDS, shares, strict=True):
            yield {"model": text(line.model), "units": text(units), "cell": text(str(line.cell)), "third": third} | {
                "share": 100 * share,
                "said": f"{100 * share:.0f} %",
            }
