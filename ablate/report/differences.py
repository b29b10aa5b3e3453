"""``ablate diff`` as a page: one table for each stage that has both cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ablate.judge.effects import Stage
from ablate.record import RunRecord, devices_note
from ablate.report import verdicts, wording
from ablate.report.table import Block, Column, Line, Page, Table, TableCell
from ablate.statistics.compare import smallest_effect

if TYPE_CHECKING:
    from ablate.judge.difference import Difference


def page(
    results: RunRecord, a: str, b: str, compared: Sequence[tuple[Stage, Sequence[Difference]]], level: float
) -> Page:
    """The page that shows what :func:`ablate.judge.difference.differences` returns."""
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
                        difference.task or "mean",
                        f"{difference.a:.{places}f}",
                        f"{difference.b:.{places}f}",
                        wording.signed(difference.compared.delta, places),
                        verdicts.interval(difference.compared, places),
                        verdicts.p_value(difference.p),
                        f"{smallest_effect(difference.compared.se, level):.{places}f}",
                    ),
                )
            ),
            new=difference.task is None,
        )
        for difference in differences
    ]
    model = f", {stage.model}" if len(results.about.models) > 1 else ""
    notes = (
        f"95 %: by bootstrap; p differs: of the claim that A and B differ, by permutation, not corrected; tests at"
        f" {level:g}; smallest effect: the difference that this test finds with 80 % power.",
        *((wording.CLEAN,) if stage.clean else ()),
        *devices_note(device for difference in differences for device in difference.devices),
        *(() if lines else ("No task has a score of both cells.",)),
    )
    return Table(
        f"{wording.name(stage, results)}{model}: {wording.measure(stage)}", columns, tuple(lines), "row", notes
    )
