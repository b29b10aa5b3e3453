"""A page of tables as plain data: what the printers share."""

from __future__ import annotations

from dataclasses import dataclass

MARKS = {"harms": "▼", "improves": "▲", "better": "△", "harmless": "●", "worse": "▽", "undecided": "○"}
"""The mark of each verdict, in the order in which one is preferred to the next; legible without color."""


@dataclass(frozen=True)
class TableCell:
    """One entry. ``best``: of its row or column; to be emphasized.

    verdict: on what it shows, if there is one; ``text`` ends in its mark. said: the same in words, with what else
    belongs to it (``improves; harms sickr``).
    """

    text: str
    best: bool = False
    verdict: str | None = None
    said: str | None = None


@dataclass(frozen=True)
class Column:
    """stub: says what a line is; repeated, left-aligned, in every part of a table that is too wide.

    group: columns of one group stay in one part where they can.
    prose: a text, left-aligned, wrapped to the width that the other columns leave.
    """

    title: str
    stub: bool = False
    group: int = 0
    prose: bool = False


@dataclass(frozen=True)
class Line:
    """One line of cells. ``new``: it begins a new section."""

    cells: tuple[TableCell, ...]
    new: bool = False


@dataclass(frozen=True)
class Table:
    """best_of: of what each best cell is the best, ``row`` or ``column``. notes: sentences for below."""

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    best_of: str
    notes: tuple[str, ...] = ()

    @property
    def legend(self) -> str | None:
        """What the mark of a best cell means; None where no cell has it."""
        marked = any(cell.best for line in self.lines for cell in line.cells)
        return f"best of its {self.best_of}" if marked else None


@dataclass(frozen=True)
class Block:
    """One model's tables; headed by its name where there are several models."""

    heading: str | None
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Page:
    head: tuple[str, ...]
    blocks: tuple[Block, ...]
    foot: tuple[str, ...]
