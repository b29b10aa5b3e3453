"""A page of tables as plain data, which every printer takes."""

from __future__ import annotations

from dataclasses import dataclass

MARKS = {"harms": "▼", "improves": "▲", "better": "△", "harmless": "●", "worse": "▽", "undecided": "○"}
"""The mark of each verdict, in the order in which one is preferred to the next; legible without color."""

STOPPED = "†"
"""The mark of a cell that racing has stopped. A number beside it says on how many pairs it was evaluated."""

MEANINGS = ", ".join(
    f"{mark} {meaning}"
    for mark, meaning in zip(
        MARKS.values(),
        (
            "harms: worse than dense by more than the margin",
            "improves on dense and on random units",
            "better than dense, random units not excluded",
            "harmless: worse by less than the margin",
            "worse than dense, not shown whether by more or less than the margin",
            "undecided",
        ),
        strict=True,
    )
)
"""The legend of the marks where no margin is at hand."""


@dataclass(frozen=True)
class TableCell:
    """An entry of a table.

    best: whether it is the best of its row or column, to be emphasized.
    verdict: the verdict on the effect that it shows, if there is one; ``text`` ends in its mark.
    said: the verdict in words, with the tasks that are harmed (``improves; harms sickr``).
    """

    text: str
    best: bool = False
    verdict: str | None = None
    said: str | None = None


@dataclass(frozen=True)
class Column:
    """A column of a table.

    stub: whether it says what a line is. It is left-aligned, and repeated in every part of a table that is too wide.
    group: columns of one group stay in one part of the table if they fit.
    prose: whether it holds text, which is left-aligned and wrapped to the width that the other columns leave.
    """

    title: str
    stub: bool = False
    group: int = 0
    prose: bool = False


@dataclass(frozen=True)
class Line:
    """A line of a table. new: whether it begins a new section."""

    cells: tuple[TableCell, ...]
    new: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    best_of: ``row`` or ``column``, of which each best cell is the best.
    notes: sentences to print below the table.
    """

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    best_of: str
    notes: tuple[str, ...] = ()

    @property
    def legend(self) -> str | None:
        """What the mark of a best cell means; None if no cell has it."""
        marked = any(cell.best for line in self.lines for cell in line.cells)
        return f"best of its {self.best_of}" if marked else None


@dataclass(frozen=True)
class Block:
    """The tables of one model, under its name if there are several models."""

    heading: str | None
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Page:
    head: tuple[str, ...]
    blocks: tuple[Block, ...]
    foot: tuple[str, ...]
