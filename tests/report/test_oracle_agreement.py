"""The table of rank correlations with exact removal."""

from __future__ import annotations

from typing import Any

from ablate.report.oracle_agreement import oracle_agreement_table


def one(scorer: str, spearman: float | None, granularity: str = "head", oracle: str = "exact") -> dict[str, Any]:
    found = {"model": "m", "granularity": granularity, "oracle": oracle, "scorer": scorer, "units": 1200}
    return {**found, "spearman": spearman}


def test_a_line_for_each_oracle_and_a_column_for_each_scorer() -> None:
    table = oracle_agreement_table([one("align", 0.5), one("uniform", 0.25), one("align", None, "neuron")])
    assert table is not None
    assert [column.title for column in table.columns] == ["granularity", "oracle", "units", "align", "uniform"]
    texts = [[cell.text for cell in line.cells] for line in table.lines]
    assert texts == [["head", "exact", "1,200", "+0.500", "+0.250"], ["neuron", "exact", "1,200", "undefined", "–"]]
    assert [cell.best for cell in table.lines[0].cells] == [False, False, False, True, False]


def test_without_an_oracle_there_is_no_table() -> None:
    assert oracle_agreement_table([]) is None
