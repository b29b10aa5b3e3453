"""``ablate diff`` as a page: one table for each stage that has both cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ablate.judge.effects import Stage
from ablate.record import RunRecord
from ablate.report import wording
from ablate.report.table import Block, Column, Line, Page, Table, TableCell
from ablate.report.verdicts import p_value
from ablate.statistics.compare import smallest_effect

if TYPE_CHECKING:
    from ablate.judge.difference import Difference


def page(
    results: RunRecord, a: str, b: str, compared: Sequence[tuple[Stage, Sequence[Difference]]], level: float
) -> Page:
    """The page of what :func:`ablate.judge.difference.differences` gives."""
    tables = [_table(results, stage, differences, level) for stage, differences in compared]
    return Page((f"A: {a}", f"B: {b}", "Δ = A - B"), (Block(None, tuple(tables)),), ())


def _table(results: RunRecord, stage: Stage, differences: Sequence[Difference], level: float) -> Table:
    places = stage.measure.places
    titles = ("A", "B", "Δ", "95 %", "p differs", "smallest effect")
    columns = (Column("task", stub=True), *map(Column, titles))
    lines = [
        Line(
            tuple(
                map(
                    TableCell,
                    (
                        one.task or "mean",
                        f"{one.a:.{places}f}",
                        f"{one.b:.{places}f}",
                        wording.signed(one.compared.delta, places),
                        f"{wording.signed(one.compared.low, places)} to {wording.signed(one.compared.high, places)}",
                        p_value(one.p),
                        f"{smallest_effect(one.compared.se, level):.{places}f}",
                    ),
                )
            ),
            new=one.task is None,
        )
        for one in differences
    ]
    model = f", {stage.model}" if len(results.about.models) > 1 else ""
    notes = (
        f"95 %: by bootstrap; p differs: of the claim that A and B differ, by permutation, not corrected; tests at"
        f" {level:g}.",
        *(("Pairs that calibration or choice has seen are not counted.",) if stage.clean else ()),
        *(() if lines else ("No task has a score of both.",)),
    )
    return Table(
        f"{wording.name(stage, results)}{model}: {wording.measure(stage)}", columns, tuple(lines), "row", notes
    )
