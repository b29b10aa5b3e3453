"""The table that compares scorers as methods over many tasks."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.judge.methods import LEVEL, MethodComparison, Withheld
from ablate.report.table import Column, Line, Table, TableCell
from ablate.report.verdicts import p_value


def methods_table(compared: Sequence[MethodComparison | Withheld]) -> Table | None:
    """Mean ranks at each granularity; what was withheld, and why, stands in the notes. None where nothing was.

    The columns: granularity, scorer, mean rank (1 = best), mean gain over the blocks, and the scorers that Nemenyi's
    test does not tell apart from it.
    """
    if not compared:
        return None
    several = len({one.measure for one in compared if one.measure}) > 1
    lines: list[Line] = []
    notes: list[str] = []
    for one in compared:
        name = f"{one.granularity}, {one.measure.metric}" if several and one.measure else one.granularity
        if isinstance(one, Withheld):
            notes.append(f"{name}: withheld, {one.reason}.")
            continue
        notes.append(
            f"{name}: Friedman χ² {one.chi_square:.2f}, p {p_value(one.p)},"
            f" {len(one.blocks)} blocks; critical difference {one.critical_difference:.2f}."
        )
        best = min(one.mean_ranks)
        for place, (method, rank) in enumerate(zip(one.methods, one.mean_ranks, strict=True)):
            gain = sum(block[place] for block in one.gains) / len(one.gains)
            texts = (f"{rank:.2f}", f"{gain:+.2f}", ", ".join(one.alike(place)) or "–")
            cells = (
                TableCell(name),
                TableCell(method),
                TableCell(texts[0], best=rank == best),
                *map(TableCell, texts[1:]),
            )
            lines.append(Line(cells, new=place == 0 and bool(lines)))
    columns = (
        Column("granularity", stub=True),
        Column("scorer", stub=True),
        *map(Column, ("mean rank", "mean gain", "not told apart from")),
    )
    explained = f"1 = best of its scorers in a block, a task of a model. Nemenyi's test at {100 * LEVEL:g} %."
    return Table("Scorers as methods", columns, tuple(lines), "granularity", (explained, *notes))
