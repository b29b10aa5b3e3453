"""How evidence reads: intervals, p-values, and what the marks mean and rest on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ablate.judge.effects import Group, Stage, label
from ablate.report.table import MARKS
from ablate.report.wording import signed

Found = Mapping[str, Any] | None
"""An item of a run's evidence, or None where there is none."""

_CORRECTIONS = {"bh": "Benjamini–Hochberg", "by": "Benjamini–Yekutieli", "holm": "Holm"}


def interval(found: Found, places: int = 2) -> str:
    """``-0.12 to +0.80``. places: digits after the point, here and below."""
    return "–" if found is None else f"{signed(found['low'], places)} to {signed(found['high'], places)}"


def p_value(p: float | None) -> str:
    """``0.004``, ``0.21``; ``–`` where nothing was tested."""
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def p_of(found: Found, name: str) -> str:
    return p_value(found[name] if found else None)


def word(found: Found) -> str:
    return "–" if found is None else str(found["verdict"])


def smallest(found: Found, places: int = 2) -> str:
    return "–" if found is None else f"{found['smallest_effect']:.{places}f}"


def largest_smallest(stage: Stage, groups: Sequence[Group], task: str) -> str:
    """The smallest effect that would have been found in any of the cells."""
    found = [item["smallest_effect"] for group in groups if (item := stage.found(group, task))]
    return f"{max(found):.{stage.measure.places}f}" if found else "–"


def beaten(found: Found) -> str:
    """``18 of 20``."""
    return "–" if found is None else f"{found['beaten']} of {found['draws']}"


def legend(stage: Stage, groups: Sequence[Group], tasks: Sequence[str | None]) -> tuple[str, ...]:
    """What the marks of a table mean. tasks: those that it shows, None for the mean over all."""
    found = [item for group in groups for task in tasks if (item := stage.found(group, task))]
    if not found:
        return ()
    unit, first = stage.measure.unit, found[0]
    margins = _range(item["margin"] for item in found if item["margin"] is not None)
    words = {
        "improves": "improves on dense and on its matched draws",
        "harmless": f"harmless: less than {margins} {unit} worse" if margins else "harmless",
        "harms": "harms: worse by more" if margins else "harms",
        "undecided": "undecided",
    }
    corrected = _CORRECTIONS.get(first["correction"], first["correction"])
    lines = [
        ", ".join(f"{mark} {words[verdict]}" for verdict, mark in MARKS.items())
        + f"; tests at {first['level']:g}, {corrected} over these cells.",
        f"Effects of {_range(item['smallest_effect'] for item in found)} {unit} are found with 80 % power.",
    ]
    if any(group.row["way"] is not None for group in groups):
        lines.append("Trained cells have no matched draws, and are not said to improve on dense as it came.")
    else:
        lines += _unmatched(groups, found)
    if not margins:
        lines.append("No margin is set (statistics.margins): nothing is called harmless or harmful.")
    return tuple(lines)


def unbeaten(stage: Stage, groups: Sequence[Group]) -> tuple[str, ...]:
    """Says of each cell that it does not beat its matched draws, unless it does."""
    found = [(group, stage.found(group, against="matched")) for group in groups]
    names = [label(group, groups) for group, item in found if item and item["q"] > item["level"]]
    verb = "does" if len(names) == 1 else "do"
    return (f"{'; '.join(names)} {verb} not beat matched.",) if names else ()


def _unmatched(groups: Sequence[Group], found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is said of cells that no draws stand beside."""
    lines = []
    if any(group.is_control for group in groups):
        lines.append("Cells at random have no matched draws, and are set against dense alone.")
    if any(item["q"] is None for item in found):
        lines.append("A cell without two matched draws is never said to improve (controls.matched, controls.screened).")
    return lines


def _range(values: Iterable[float]) -> str:
    """``0.2``, or ``0.31–0.78`` where they differ."""
    ends = sorted(values)
    return "–".join(dict.fromkeys(f"{end:.2g}" for end in (ends[0], ends[-1]))) if ends else ""
