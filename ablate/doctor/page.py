"""The page that `ablate doctor` prints."""

from __future__ import annotations

from ablate.doctor.finding import Section, fixes
from ablate.report.table import Block, Column, Line, Page, Table, TableCell


def page(sections: tuple[Section, ...]) -> Page:
    """A table for each section, and below them a list of what to fix."""
    needed = fixes(sections)
    count = "one thing" if len(needed) == 1 else f"{len(needed)} things"
    foot = (f"{count} to fix:", *(f"- {fix}" for fix in needed)) if needed else ("nothing to fix",)
    return Page((), (Block(None, tuple(map(_table, sections))),), foot)


def _table(section: Section) -> Table:
    columns = (Column("what", stub=True), Column("found", prose=True))
    lines = tuple(
        Line((TableCell(finding.what), TableCell(f"{'! ' if finding.fix else ''}{finding.state}")))
        for finding in section.findings
    )
    return Table(section.title, columns, lines, "row")
