"""The table that says how far each scorer ranks units as their exact removal does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ablate.report.table import Column, Line, Table, TableCell


def oracle_agreement_table(found: Sequence[Mapping[str, Any]]) -> Table | None:
    """Granularity × oracle against scorers; None where no oracle ran.

    Args:
        found: what :func:`ablate.coordinator.maps.agreement` gives of one model.
    """
    if not found:
        return None
    scorers = list(dict.fromkeys(one["scorer"] for one in found))
    places: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for one in found:
        places.setdefault((one["granularity"], one["oracle"]), {})[one["scorer"]] = one
    lines = []
    for (granularity, oracle), by_scorer in places.items():
        units = next(iter(by_scorer.values()))["units"]
        best = max((one["spearman"] for one in by_scorer.values() if one["spearman"] is not None), default=None)
        cells = [_cell(by_scorer.get(scorer), best) for scorer in scorers]
        lines.append(Line((TableCell(granularity), TableCell(oracle), TableCell(f"{units:,}"), *cells)))
    stubs = (Column("granularity", stub=True), Column("oracle", stub=True))
    columns = (*stubs, Column("units"), *map(Column, scorers))
    title = "Rank correlation of contributions with exact removal (Spearman)"
    notes = ("units: how many were removed one by one, or how many groups of them.",)
    return Table(title, columns, tuple(lines), "row", notes)


def _cell(one: Mapping[str, Any] | None, best: float | None) -> TableCell:
    if one is None:
        return TableCell("–")
    if one["spearman"] is None:
        return TableCell("undefined")
    return TableCell(f"{one['spearman']:+.3f}", best=one["spearman"] == best)
