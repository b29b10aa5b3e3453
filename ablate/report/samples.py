"""The table that takes the sets of a stage as a sample: the gain per family, over sets, and over components."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.judge.effects import Stage
from ablate.judge.group import Group, label
from ablate.record import Evidence, FamilyEffect, OverComponents, Samples
from ablate.report import verdicts
from ablate.report.table import Column, Line, Table, TableCell
from ablate.report.wording import counts, signed


def samples_table(stage: Stage, groups: Sequence[Group], title: str) -> Table | None:
    """A line for each cell; None if nothing is said of any, as of a stage of one set or judged by an older ablate."""
    found = [
        (label(group, groups), item, item.samples) for group in groups if (item := stage.evidence_on(group)) is not None
    ]
    judged = [(name, item, samples) for name, item, samples in found if samples is not None]
    if not judged:
        return None
    families = list(dict.fromkeys(one.family for _, _, samples in judged for one in samples.families))
    places = stage.measure.places
    columns = (Column("cell", stub=True), *map(Column, ("over pairs", *families, "over sets", "over components", "se")))
    lines = [Line((TableCell(name), *_entries(item, samples, families, places))) for name, item, samples in judged]
    return Table(title, columns, tuple(lines), "column", _notes([samples for _, _, samples in judged]))


def _entries(item: Evidence, samples: Samples, families: Sequence[str], places: int) -> list[TableCell]:
    by_name = {one.family: one for one in samples.families}
    sets, components = samples.sets, samples.components
    texts = [
        _delta(item, places),
        *(_delta(by_name.get(family), places) for family in families),
        "–" if sets is None else _ends(sets.low, sets.high, places),
        "–" if components is None else _ends(components.low, components.high, places),
        _errors(components, places),
    ]
    return list(map(TableCell, texts))


def _delta(one: Evidence | FamilyEffect | None, places: int) -> str:
    """``+0.42 [-0.12 to +0.80]``."""
    return "–" if one is None else f"{signed(one.delta, places)} [{verdicts.interval(one, places)}]"


def _ends(low: float, high: float, places: int) -> str:
    return f"{signed(low, places)} to {signed(high, places)}"


def _errors(components: OverComponents | None, places: int) -> str:
    """``0.31 (×1.41)``."""
    if components is None:
        return "–"
    ratio = "" if components.ratio is None else f" (×{components.ratio:.2f})"
    return f"{components.se:.{places}f}{ratio}"


def _notes(judged: Sequence[Samples]) -> tuple[str, ...]:
    members = {one.family: one.tasks for samples in judged for one in samples.families}
    several = [f"{family} = {', '.join(tasks)}" for family, tasks in members.items() if list(tasks) != [family]]
    numbers = sorted({samples.sets.sets for samples in judged if samples.sets})
    components = next((samples.components for samples in judged if samples.components), None)
    lines = [f"Δ per family of sets, with its 95 % interval over pairs{': ' if several else ''}{'; '.join(several)}."]
    if numbers:
        lines.append(
            f"over sets: the 95 % t-interval of the mean over sets, as if they were a random sample of sets"
            f" ({counts(numbers)})."
        )
    if components:
        lines.append(
            "over components: the 95 % interval if components of pairs that share a sentence are resampled in place of"
            f" pairs ({components.components:,} components, the largest with {100 * components.largest:.2g} % of the"
            " pairs); se: its standard error, × that over pairs."
        )
    lines += [f"Withheld: {reason}." for reason in dict.fromkeys(why for one in judged for why in one.withheld)]
    return tuple(lines)
