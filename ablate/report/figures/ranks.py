"""Draws the mean ranks of scorers compared as methods, with Nemenyi's critical difference."""

from __future__ import annotations

from typing import Any

import altair as alt

from ablate.judge.methods import LEVEL, MethodComparison
from ablate.report.figures import figure
from ablate.report.figures.figure import COLORS, INK, Figure, data, text
from ablate.report.methods import blocks, stratum
from ablate.report.verdicts import p_value

_ROW = 30


def ranks_figure(compared: MethodComparison) -> Figure:
    """A line for each scorer, best first: its mean rank ± half of the critical difference.

    Lines that do not overlap belong to scorers that Nemenyi's test tells apart. There are only points where Friedman's
    test does not find a difference.
    """
    half = compared.critical_difference / 2
    found = compared.p <= LEVEL
    rows: list[dict[str, Any]] = []
    for place, (name, rank) in enumerate(zip(compared.methods, compared.mean_ranks, strict=True)):
        alike = ", ".join(compared.alike(place)) or "none"
        row: dict[str, Any] = {"place": place, "scorer": text(name), "rank": rank, "mean rank": f"{rank:.2f}"}
        rows.append(row | {"low": rank - half, "high": rank + half, "not told apart from": text(alike, 200)})
    tips = [alt.Tooltip(name, type="nominal") for name in ("scorer", "mean rank", "not told apart from")]
    ends = [1.0, float(len(rows)), *(row[end] for row in rows for end in ("low", "high") if found)]
    scale = alt.Scale(domain=[min(ends) - 0.1, max(ends) + 0.1], nice=False, zero=False)
    x = alt.X("rank:Q", title="mean rank, 1 = best", scale=scale, axis=alt.Axis(tickMinStep=1))
    base = alt.Chart(data(rows)).encode(y=alt.Y("place:O", axis=None), tooltip=tips)
    layers = [
        base.mark_rule(strokeWidth=2.5, yOffset=7, color=COLORS[0]).encode(x="low:Q", x2="high:Q"),
        base.mark_point(filled=True, size=64, yOffset=7, opacity=1, color=COLORS[0]).encode(x=x),
        base.mark_text(align="left", dy=-7, fontSize=11, color=INK).encode(x=alt.value(2), text="scorer:N"),
        base.mark_text(align="right", dy=-7, fontSize=11, color=INK).encode(x=alt.value("width"), text="mean rank:N"),
    ]
    title = f"Scorers at {stratum(compared.stratum)}, by mean rank"
    listed = ", ".join(f"{name} {rank:.2f}" for name, rank in zip(compared.methods, compared.mean_ranks, strict=True))
    line = (
        "Line: ± half of Nemenyi's critical difference; scorers whose lines overlap are not told apart at"
        f" {100 * LEVEL:g} % (critical difference {compared.critical_difference:.2f})."
    )
    caption = (
        f"Mean rank over {len(compared.blocks)} blocks, 1 = best. Blocks: {blocks(compared.blocks)}, not for other"
        f" tasks. {line if found else 'No line: no scorers are told apart.'} Friedman: χ² {compared.chi_square:.2f},"
        f" corrected p {p_value(compared.p)}."
    )
    drawn = alt.layer(*(layers if found else layers[1:]))
    return figure.of(title, caption, f"{title}: {listed}.", figure.whole(drawn, _ROW * len(rows)))
