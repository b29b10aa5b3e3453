"""A page of tables as plain data, which every printer takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

MARKS = {"harms": "▼", "improves": "▲", "better": "△", "harmless": "●", "worse": "▽", "undecided": "○"}
"""The mark of each verdict, in the order in which one is preferred to the next; legible without color."""

STOPPED = "†"
"""The mark of a cell that racing has stopped. A number beside it says on how many pairs it was evaluated."""

_MEANING = {
    "harms": "harms: worse than dense by more than the margin",
    "improves": "improves on dense and on random units",
    "better": "better than dense, random units not excluded",
    "harmless": "harmless: worse by less than the margin",
    "worse": "worse than dense, not shown whether by more or less than the margin",
    "undecided": "undecided",
}


def meanings(verdicts: Collection[str]) -> str:
    """The legend of the marks of these verdicts."""
    return ", ".join(f"{mark} {_MEANING[verdict]}" for verdict, mark in MARKS.items() if verdict in verdicts)


MEANINGS = meanings(MARKS)
"""The legend of all marks."""


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
    rank: where not all columns fit, those of the highest rank are left out first. One of rank 0 says what the table is
        about; another is also left out where it is empty.
    repeats: the title of a column that it may repeat; it is left out where it does.
    meaning: what is said of it in the legend; empty if the title says it.
    """

    title: str
    stub: bool = False
    group: int = 0
    prose: bool = False
    rank: int = 0
    repeats: str = ""
    meaning: str = ""


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
    explained: whether the notes say what the marks mean, as of a table whose verdicts are not against dense.
    """

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    best_of: str
    notes: tuple[str, ...] = ()
    explained: bool = False

    @property
    def legend(self) -> str | None:
        """What the mark of a best cell means; None if no cell has it."""
        marked = any(cell.best for line in self.lines for cell in line.cells)
        return f"best of its {self.best_of}" if marked else None

    @property
    def glossary(self) -> tuple[str, ...]:
        """What the columns and the marks mean. A page says it once for all of its tables."""
        return glossary([self])

    def only(self, places: Collection[int]) -> Table:
        """The table with the columns at these places, counted from 0."""
        kept = sorted(places)
        lines = (replace(line, cells=tuple(line.cells[place] for place in kept)) for line in self.lines)
        return replace(self, columns=tuple(self.columns[place] for place in kept), lines=tuple(lines))

    def compact(self) -> Table:
        """The table without columns that are empty or that repeat another."""
        numbers = {
            column.title: [line.cells[place].text.split(" ")[0] for line in self.lines]
            for place, column in reversed(list(enumerate(self.columns)))
        }
        return self.only(
            [
                place
                for place, column in enumerate(self.columns)
                if not self.lines
                or column.rank == 0
                or (
                    any(line.cells[place].text != "–" for line in self.lines)
                    and numbers[column.title] != numbers.get(column.repeats)
                )
            ]
        )


@dataclass(frozen=True)
class Block:
    """The tables of one model, under its name if there are several models."""

    heading: str | None
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Answer:
    """The answer for one model. by_granularity: (granularity, sentences)."""

    model: str
    headline: str
    by_granularity: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class NextStep:
    """A command to type next, and what it gives."""

    command: str
    gives: str


@dataclass(frozen=True)
class Page:
    """head, foot: lines above and below the tables. code: lines below the foot to be copied, which are never broken.
    answers: one for each model. remarks: lines below the answers."""

    head: tuple[str, ...]
    blocks: tuple[Block, ...]
    foot: tuple[str, ...]
    answers: tuple[Answer, ...] = ()
    remarks: tuple[str, ...] = ()
    steps: tuple[NextStep, ...] = ()
    code: tuple[str, ...] = ()

    @property
    def glossary(self) -> tuple[str, ...]:
        """What the marks and columns of all tables mean."""
        return glossary([table for block in self.blocks for table in block.tables])


def glossary(tables: Sequence[Table]) -> tuple[str, ...]:
    """What the marks and columns of these tables mean, each once, and the marks in one sentence."""
    marked = [table for table in tables if not table.explained]
    verdicts = {cell.verdict for table in marked for line in table.lines for cell in line.cells if cell.verdict}
    columns = (column.meaning for table in tables for column in table.columns if column.meaning)
    return (*((f"{meanings(verdicts)}.",) if verdicts else ()), *dict.fromkeys(columns))
