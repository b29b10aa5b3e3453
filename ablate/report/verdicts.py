"""Evidence as text: intervals, p-values, and the legend of the marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ablate.judge.effects import Stage
from ablate.judge.group import Group, label
from ablate.record import Evidence
from ablate.report.table import MARKS
from ablate.report.wording import signed

if TYPE_CHECKING:
    from ablate.statistics.compare import Comparison

_CORRECTIONS = {"bh": "Benjamini–Hochberg", "by": "Benjamini–Yekutieli", "holm": "Holm"}


def interval(item: Evidence | Comparison | None, places: int = 2) -> str:
    """``-0.12 to +0.80``. places: digits after the point, here and below."""
    return "–" if item is None else f"{signed(item.low, places)} to {signed(item.high, places)}"


def p_value(p: float | None) -> str:
    """``0.004``, ``0.21``; ``–`` if nothing was tested."""
    if p is None:
        return "–"
    # From 0.0995 on, p rounds to 0.10 or more, and two digits are enough.
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def p(item: Evidence | None) -> str:
    """The p-value, in the format of :func:`p_value`."""
    return p_value(item.p if item else None)


def q(item: Evidence | None) -> str:
    """The corrected p-value, in the format of :func:`p_value`."""
    return p_value(item.q if item else None)


def mark(item: Evidence) -> str:
    """The mark of a verdict; empty if there is no verdict."""
    return MARKS.get(item.verdict or "", "")


def word(item: Evidence | None) -> str:
    return "–" if item is None else str(item.verdict)


def smallest(item: Evidence | None, places: int = 2) -> str:
    return "–" if item is None else f"{item.smallest_effect:.{places}f}"


def largest_smallest(stage: Stage, groups: Sequence[Group], task: str) -> str:
    """The largest of the cells' smallest effects: any cell with an effect above it would have been found."""
    effects = [item.smallest_effect for group in groups if (item := stage.evidence_on(group, task))]
    return f"{max(effects):.{stage.measure.places}f}" if effects else "–"


def beaten(item: Evidence | None) -> str:
    """``18 of 20``."""
    return "–" if item is None else f"{item.beaten} of {item.draws}"


def legend(stage: Stage, groups: Sequence[Group], tasks: Sequence[str | None]) -> tuple[str, ...]:
    """The legend of a table's marks.

    Args:
        tasks: the tasks that the table shows; None stands for the mean over all of them.
    """
    items = [item for group in groups for task in tasks if (item := stage.evidence_on(group, task))]
    if not items:
        return ()
    # The level and the correction are settings of the run, and so the same for all evidence.
    unit, first = stage.measure.unit, items[0]
    margins = _range(item.margin for item in items if item.margin is not None)
    words = {
        "improves": "improves on dense and on its matched draws",
        "harmless": f"harmless: less than {margins} {unit} worse" if margins else "harmless",
        "harms": "harms: worse by more" if margins else "harms",
        "undecided": "undecided",
    }
    corrected = _CORRECTIONS.get(first.correction, first.correction)
    lines = [
        ", ".join(f"{mark} {words[verdict]}" for verdict, mark in MARKS.items())
        + f"; tests at {first.level:g}, {corrected} over these cells.",
        f"Effects of {_range(item.smallest_effect for item in items)} {unit} are found with 80 % power.",
    ]
    if any(group.row.way is not None for group in groups):
        lines.append("Trained cells have no matched draws, so none is said to improve on dense as it came.")
    else:
        lines += _unmatched(groups, items)
    if not margins:
        lines.append("No margin is set (statistics.margins): nothing is called harmless or harmful.")
    return tuple(lines)


def unbeaten(stage: Stage, groups: Sequence[Group]) -> tuple[str, ...]:
    """A sentence that names the cells that do not beat their matched draws; empty if there are none."""
    items = [(group, stage.evidence_on(group, against="matched")) for group in groups]
    names = [label(group, groups) for group, item in items if item and item.q is not None and item.q > item.level]
    verb = "does" if len(names) == 1 else "do"
    return (f"{'; '.join(names)} {verb} not beat matched.",) if names else ()


def _unmatched(groups: Sequence[Group], items: Sequence[Evidence]) -> list[str]:
    """Sentences on cells without matched draws."""
    lines = []
    if any(group.is_control for group in groups):
        lines.append("Random cells have no matched draws and are compared with dense alone.")
    if any(item.q is None for item in items):
        lines.append("A cell without two matched draws is never said to improve (controls.matched, controls.screened).")
    return lines


def _range(values: Iterable[float]) -> str:
    """``0.2``, or ``0.31–0.78`` if the values differ."""
    ends = sorted(values)
    return "–".join(dict.fromkeys(f"{end:.2g}" for end in (ends[0], ends[-1]))) if ends else ""
