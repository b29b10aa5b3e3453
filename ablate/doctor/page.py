"""The page of `ablate doctor`."""

from __future__ import annotations

from ablate.doctor.finding import Section, mends
from ablate.report.table import Block, Column, Line, Page, Table, TableCell


def page(sections: tuple[Section, ...]) -> Page:
    """A table for each section, and at the end what is to be mended."""
    wrong = mends(sections)
    count = "one thing" if len(wrong) == 1 else f"{len(wrong)} things"
    foot = (f"{count} to mend:", *(f"- {mend}" for mend in wrong)) if wrong else ("nothing to mend",)
    return Page((), (Block(None, tuple(map(_table, sections))),), foot)


def _table(section: Section) -> Table:
    columns = (Column("what", stub=True), Column("found", prose=True))
    lines = tuple(
        Line((TableCell(finding.what), TableCell(f"{'! ' if finding.mend else ''}{finding.found}")))
        for finding in section.findings
    )
    return Table(section.title, columns, lines, "row")
