"""The table that shows how well each scorer's ranking of the units agrees with exact removal."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.record import OracleAgreement
from ablate.report.table import Column, Line, Table, TableCell


def oracle_agreement_table(agreements: Sequence[OracleAgreement]) -> Table | None:
    """A line for each granularity and oracle, a column for each scorer; None if no oracle ran.

    Args:
        agreements: of one model, from :func:`ablate.coordinator.maps.agreement`.
    """
    if not agreements:
        return None
    scorers = list(dict.fromkeys(agreement.scorer for agreement in agreements))
    places: dict[tuple[str, str], dict[str, OracleAgreement]] = {}
    for agreement in agreements:
        places.setdefault((agreement.granularity, agreement.oracle), {})[agreement.scorer] = agreement
    lines = []
    for (granularity, oracle), by_scorer in places.items():
        units = next(iter(by_scorer.values())).units
        correlations = [agreement.spearman for agreement in by_scorer.values() if agreement.spearman is not None]
        best = max(correlations, default=None)
        cells = [_cell(by_scorer.get(scorer), best) for scorer in scorers]
        lines.append(Line((TableCell(granularity), TableCell(oracle), TableCell(f"{units:,}"), *cells)))
    stubs = (Column("granularity", stub=True), Column("oracle", stub=True))
    columns = (*stubs, Column("units"), *map(Column, scorers))
    title = "Rank correlation of contributions with exact removal (Spearman)"
    notes = ("units: how many were removed one by one, or how many groups of them.",)
    return Table(title, columns, tuple(lines), "row", notes)


def _cell(agreement: OracleAgreement | None, best: float | None) -> TableCell:
    if agreement is None:
        return TableCell("–")
    if agreement.spearman is None:
        return TableCell("undefined")
    return TableCell(f"{agreement.spearman:+.3f}", best=agreement.spearman == best)
