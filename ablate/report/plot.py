"""Sparsity curves as text: a small plot for each granularity, for a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from string import ascii_uppercase

from ablate.judge.effects import stages
from ablate.record import RunRecord
from ablate.report import wording
from ablate.report.curves import Curve, curves
from ablate.report.formats import visible

HEIGHT = 9
"""Lines of a plot."""

_WIDEST = 72
_PLAIN = str.maketrans({"│": "|", "─": "-", "Δ": "delta", "…": "."})


def plots(results: RunRecord, width: int, encoding: str = "utf-8") -> Iterator[str]:
    """Lines no wider than ``width`` columns, of at least 30, in what ``encoding`` has.

    A letter is a scorer, ``*`` where several fall together; the line is dense. What has no curve has no plot; where
    nothing has one, a line says so.
    """
    none = True
    for stage in stages(results):
        found = curves(stage)
        for kind in dict.fromkeys(curve.granularity for curve in found):
            none = False
            title = f"{stage.model}, {stage.name}, {kind}: {wording.delta(stage)}"
            for line in (
                "",
                title,
                *_plot([curve for curve in found if curve.granularity == kind], min(width, _WIDEST)),
            ):
                text = visible(line)
                if text.encode(encoding, "ignore").decode(encoding) != text:
                    text = text.translate(_PLAIN).encode("ascii", "replace").decode()
                yield text if len(text) <= width else f"{text[: width - 3]}..."
    if none:
        yield "no plot: no scorer was run at two sparsities or more"


def _plot(found: Sequence[Curve], width: int) -> Iterator[str]:
    points = [point for curve in found for point in curve.points]
    low, high = (limit([0.0, *(point.value for point in points)]) for limit in (min, max))
    first, last = (limit(point.sparsity for point in points) for limit in (min, max))
    margin = max(len(f"{value:+.2f}") for value in (low, high)) + 1
    across = width - margin - 2

    def line_of(value: float) -> int:
        return round((high - value) / ((high - low) or 1) * (HEIGHT - 1))

    lines = [[" "] * across for _ in range(HEIGHT)]
    lines[line_of(0)] = ["─"] * across
    named = list(zip(cycle(ascii_uppercase), found, strict=False))
    for letter, curve in named:
        for point in curve.points:
            line, place = lines[line_of(point.value)], round((point.sparsity - first) / (last - first) * (across - 1))
            line[place] = letter if line[place] in " ─" else "*"
    marks = {line_of(low): f"{low:+.2f}", line_of(high): f"{high:+.2f}", line_of(0): "0.00"}
    for at, line in enumerate(lines):
        yield f"{marks.get(at, ''):>{margin}} │{''.join(line)}".rstrip()
    ends = [f"{end:.6g} %" for end in (first, last)]
    yield f"{'':{margin + 2}}{ends[0]}{ends[1]:>{across - len(ends[0])}}"
    for letter, curve in named:
        yield f"{'':{margin + 2}}{letter} {curve.label}"
