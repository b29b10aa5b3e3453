"""Prints a page of tables with rich, to a terminal of any width and encoding or to a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ablate.printable import visible
from ablate.report.layout import build
from ablate.report.table import MARKS, STOPPED, Block, Column, Line, Page, Table, TableCell, glossary

if TYPE_CHECKING:
    from ablate.record import RunRecord

_TITLE_WIDTH = 14
_STUB_WIDTH = 12
_PROSE_WIDTH = 24
_PLAIN = str.maketrans(
    {"Δ": "delta", "±": "+-", "×": "x", "–": "-"}
    | {MARKS["improves"]: "^", MARKS["better"]: "+", MARKS["harmless"]: "=", MARKS["worse"]: "-", MARKS["harms"]: "v"}
    | {MARKS["undecided"]: "?", STOPPED: "#"}
)
# Everyone can distinguish blue from orange, with any color vision; and the marks say the same without color.
_STYLES = {"improves": "dodger_blue1", "better": "dodger_blue1", "harms": "dark_orange", "worse": "dark_orange"}
_STYLES |= {"undecided": "dim"}


def render(results: RunRecord, console: Console, wide: bool = False) -> None:
    """Prints the whole page of a run (see :func:`print_page`)."""
    print_page(build(results), console, wide)


def print_page(page: Page, console: Console, wide: bool = True) -> None:
    """Prints a page: the tables, what their marks and columns mean, and last the answer, where the eye is.

    The best entries are in bold and have a ``*``. Labels and reasons are printed without control characters, and rich's
    markup is not applied.

    Args:
        wide: print every column. A table that is too wide for the console then continues below, with its stub columns
            repeated. Otherwise it has the columns that fit, and a line names the others.
    """
    for line in page.head:
        _line(console, line)
    printed = [[_table(console, table, wide) for table in _headed_by(console, block)] for block in page.blocks]
    shown = [table for tables in printed for table, _ in tables]
    hidden = dict.fromkeys(title for tables in printed for _, titles in tables for title in titles)
    if meanings := glossary(shown):
        console.print()
        _line(console, " ".join(meanings), "dim")
    if hidden:
        console.print()
        _line(console, f"Columns left out at this width: {', '.join(hidden)}; --wide prints all.")
    console.print()
    for line in page.foot:
        _line(console, line)
    for line in page.code:
        _line(console, line, whole=True)
    print_answers(page, console)


def print_answers(page: Page, console: Console) -> None:
    """Prints the answers of a page, and what to type next."""
    for answer in page.answers:
        console.print()
        _line(console, f"Answer for {answer.model}" if len(page.answers) > 1 else "Answer", "bold")
        _line(console, answer.headline)
        for granularity, sentences in answer.by_granularity:
            _line(console, f"{granularity}: {sentences}")
    for remark in page.remarks:
        _line(console, remark)
    if page.steps:
        console.print()
        _line(console, "Next", "bold")
    for step in page.steps:
        # Each on a line of its own and never broken, so that both can be copied into a shell.
        _line(console, f"# {step.gives}", "dim", whole=True)
        _line(console, step.command, whole=True)


def _headed_by(console: Console, block: Block) -> tuple[Table, ...]:
    """The tables of a block, whose heading is printed."""
    if block.heading:
        console.print()
        _line(console, f"== {block.heading} ==", "bold")
    return block.tables


def _line(console: Console, text: str, style: str = "", *, whole: bool = False) -> None:
    """Prints a line. whole: whether it is left to the terminal to break it."""
    console.print(Text(_printable(console, text), style=style, overflow="fold"), soft_wrap=whole)


def _printable(console: Console, text: str) -> str:
    """Text in characters that the console's encoding has. Those of Windows and of old locales lack some of ours."""
    text = visible(text)
    try:
        text.encode(console.encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(console.encoding, "replace").decode(console.encoding)
    return text


def _table(console: Console, table: Table, wide: bool) -> tuple[Table, list[str]]:
    """Prints a table. Returns it as printed, and the titles of the columns that did not fit."""
    whole = [_printed(console, table, at) for at in range(len(table.columns))]
    places = list(range(len(whole)))
    while not wide and len(places) > 1 and not _fits(console, _widths(console, [whole[at] for at in places])):
        optional = [at for at in places if not whole[at].column.stub]
        if len(optional) < 2:
            break
        places.remove(max(optional, key=lambda at: (whole[at].column.rank, at)))
    hidden = [column.title for at, column in enumerate(table.columns) if at not in places]
    table, laid = table.only(places), [whole[at] for at in places]
    widths = _widths(console, laid)
    texts = list(map(list, zip(*(column.texts for column in laid), strict=True)))
    console.print()
    _line(console, table.title, "bold")
    for number, (part, gap) in enumerate(_parts(table.columns, widths, console.width)):
        if number:
            console.print()
        _part(console, table, texts, [(at, laid[at].column, widths[at]) for at in part], gap)
    legend = (f"*: {table.legend}.",) if table.legend else ()
    if table.notes or legend:
        _line(console, " ".join([*legend, *table.notes]), "dim")
    return table, hidden


class _Printed(NamedTuple):
    """A column as this console prints it, before its width is known."""

    column: Column
    texts: list[str]


def _printed(console: Console, table: Table, place: int) -> _Printed:
    cells = [line.cells[place] for line in table.lines]
    best, judged = any(cell.best for cell in cells), any(cell.verdict for cell in cells)
    # Blanks in place of a verdict's mark and of the star keep the digits of a column aligned.
    texts = [
        _printable(console, cell.text)
        + ("  " if judged and not cell.verdict else "")
        + ("*" if cell.best else " " if best else "")
        for cell in cells
    ]
    column = table.columns[place]
    return _Printed(replace(column, title=_printable(console, column.title)), texts)


def _fits(console: Console, widths: Sequence[int]) -> bool:
    """Whether columns of these widths fit side by side, with one blank between them."""
    return sum(widths) + len(widths) - 1 <= console.width


def _widths(console: Console, columns: Sequence[_Printed]) -> list[int]:
    """The width of each column. Where they do not fit, stubs and prose are narrower than their texts."""
    widths = [_width(column, texts) for column, texts in columns]
    if _fits(console, widths):
        return widths
    stubs = [at for at, (column, _) in enumerate(columns) if column.stub]
    # The wide stubs share three eighths of the console, so that every part has room for numbers.
    limit = console.width * 3 // 8 // max(1, sum(widths[at] > _STUB_WIDTH for at in stubs))
    for at in stubs:
        widths[at] = _limited(columns[at].texts, widths[at], max(_STUB_WIDTH, limit))
    for at in (at for at, (column, _) in enumerate(columns) if column.prose):
        available = console.width - 2 * (len(widths) - 1) - sum(widths) + widths[at]
        widths[at] = min(widths[at], max(_PROSE_WIDTH, available))
    return widths


def _part(
    console: Console,
    table: Table,
    texts: Sequence[Sequence[str]],
    part: Sequence[tuple[int, Column, int]],
    gap: int,
) -> None:
    """Prints some columns of a table. part: of each column its place, itself, and its width."""
    grid = _headed(console, part, gap)
    total = sum(width for *_, width in part) + gap * (len(part) - 1)
    fitting = [_fitting(line, entries, part, gap) for line, entries in zip(table.lines, texts, strict=True)]
    lines = [line for line in fitting if line is not None]
    if total <= console.width and len(lines) == len(fitting):
        console.print(grid)
        for place in reversed([at for at, line in enumerate(table.lines) if at and line.new]):
            lines.insert(place, Text(" " * total))
        if lines:
            console.print(Text("\n").join(lines), no_wrap=True, overflow="ignore", crop=False)
        return
    for line, entries in zip(table.lines, texts, strict=True):
        if line.new:
            grid.add_section()
        cells = [(_broken(entries[at], width), _style(line.cells[at])) for at, _, width in part]
        grid.add_row(*(Text(text, style=style) for text, style in cells))
    console.print(grid)


def _fitting(line: Line, entries: Sequence[str], part: Sequence[tuple[int, Column, int]], gap: int) -> Text | None:
    """A line that needs no wrapping, as rich would lay it out, which takes it ten times as long; None if it does."""
    made = Text()
    for number, (at, column, width) in enumerate(part):
        left = column.stub or column.prose
        # As rich does, which also drops the blanks at the end of what it aligns on the right.
        text = entries[at] if left else entries[at].rstrip()
        blanks = " " * (width - cell_len(text))
        if cell_len(entries[at]) > width or "\n" in text:
            return None
        padded = text + blanks if left else blanks + text
        made.append(" " * gap if number else "").append(padded, _style(line.cells[at]) or None)
    return made


def _headed(console: Console, part: Sequence[tuple[int, Column, int]], gap: int) -> RichTable:
    """A table of these columns that has no lines yet."""
    grid = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    titles = [Text(column.title, style="bold").wrap(console, width) for _, column, width in part]
    # Empty lines above a short title, because rich would put it at the top of its cell.
    height = max(map(len, titles))
    for title, (_, column, width) in zip(titles, part, strict=True):
        header = Text("\n").join([*[Text()] * (height - len(title)), *title])
        grid.add_column(
            header, justify="left" if column.stub or column.prose else "right", width=width, overflow="fold"
        )
    return grid


def _style(cell: TableCell) -> str:
    return " ".join(filter(None, ("bold" if cell.best else "", _STYLES.get(cell.verdict or ""))))


def _broken(text: str, width: int) -> str:
    """The label of a cell of several steps, with a line for each step if it is too long for one."""
    return text if cell_len(text) <= width else text.replace(" > ", "\n  > ")


def _width(column: Column, texts: Sequence[str]) -> int:
    """The width of the longest entry, or of the longest word of the title (up to a limit) if that is wider."""
    words = max((cell_len(word) for word in column.title.split()), default=1)
    return max(min(words, _TITLE_WIDTH), *map(cell_len, texts))


def _limited(texts: Sequence[str], width: int, limit: int) -> int:
    """The width of a stub column that must not be wider than ``limit``, after labels were broken into steps."""
    if width <= limit:
        return width
    return min(limit, max(cell_len(part) for text in texts for part in _broken(text, limit).split("\n")))


def _parts(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[tuple[list[int], int]]:
    """The columns of each part and the gap between them: as few parts as possible, then the wider gap."""
    # `min` returns the first of equals, which has the wider gap.
    return min(([(part, gap) for part in _split(columns, widths, width, gap)] for gap in (2, 1)), key=len)


def _split(columns: Sequence[Column], widths: Sequence[int], width: int, gap: int) -> list[list[int]]:
    stubs = [place for place, column in enumerate(columns) if column.stub]
    others = [place for place, column in enumerate(columns) if not column.stub]

    def fits(places: Sequence[int]) -> bool:
        together = [*stubs, *places]
        return sum(widths[place] for place in together) + gap * (len(together) - 1) <= width

    parts: list[list[int]] = [[]]
    for _, members in groupby(others, key=lambda place: columns[place].group):
        group = list(members)
        if fits([*parts[-1], *group]):
            parts[-1] += group
            continue
        # A group that does not fit here begins a new part, and is divided only if it does not fit there either.
        if parts[-1]:
            parts.append([])
        for place in group:
            if parts[-1] and not fits([*parts[-1], place]):
                parts.append([])
            parts[-1].append(place)
    return [[*stubs, *part] for part in parts]
