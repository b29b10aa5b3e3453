"""The table that compares scorers as methods over many tasks."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.judge.methods import LEVEL, MethodComparison, Withheld
from ablate.report.table import Column, Line, Table, TableCell
from ablate.report.verdicts import p_value


def methods_table(compared: Sequence[MethodComparison | Withheld]) -> Table | None:
    """The mean ranks at each granularity. The notes name withheld comparisons and the reason. None if there is nothing.

    The columns are the granularity, the scorer, its mean rank (1 = best), its mean gain over the blocks, and the
    scorers from which Nemenyi's test does not distinguish it.
    """
    if not compared:
        return None
    several_measures = len({comparison.measure for comparison in compared if comparison.measure}) > 1
    lines: list[Line] = []
    notes: list[str] = []
    for comparison in compared:
        name = comparison.granularity
        if several_measures and comparison.measure:
            name += f", {comparison.measure.metric}"
        if isinstance(comparison, Withheld):
            notes.append(f"{name}: withheld, {comparison.reason}.")
            continue
        notes.append(
            f"{name}: Friedman χ² {comparison.chi_square:.2f}, p {p_value(comparison.p)},"
            f" {len(comparison.blocks)} blocks; critical difference {comparison.critical_difference:.2f}."
        )
        best = min(comparison.mean_ranks)
        for place, (method, rank) in enumerate(zip(comparison.methods, comparison.mean_ranks, strict=True)):
            gain = sum(block[place] for block in comparison.gains) / len(comparison.gains)
            cells = (
                TableCell(name),
                TableCell(method),
                TableCell(f"{rank:.2f}", best=rank == best),
                TableCell(f"{gain:+.2f}"),
                TableCell(", ".join(comparison.alike(place)) or "–"),
            )
            lines.append(Line(cells, new=place == 0 and bool(lines)))
    columns = (
        Column("granularity", stub=True),
        Column("scorer", stub=True),
        *map(Column, ("mean rank", "mean gain", "not told apart from")),
    )
    explained = f"1 = best of its scorers in a block, a task of a model. Nemenyi's test at {100 * LEVEL:g} %."
    return Table("Scorers as methods", columns, tuple(lines), "granularity", (explained, *notes))
