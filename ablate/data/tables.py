"""Reads tables row by row: CSV and TSV with a header, JSONL, Parquet, and the folders that ``datasets`` saves.

A fault names file, line and column.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from ablate.data.arrow import Columns, Rows, parquet, saved
from ablate.errors import DataError
from ablate.files import is_folder, require_regular

MOST_ROWS = 1_000_000
"""A table with more is refused, since its items would fill the memory."""

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class Table:
    """A table on disk.

    names: of the columns.
    rows: reads the rows below the header, each with as many cells as there are names.
    column: the position in its line, from 1, of a cell in a line; None if the file has no lines.
    count: how many rows there are, if that is known without reading them.
    """

    path: Path
    names: tuple[str, ...]
    rows: Callable[[], Rows]
    column: Callable[[str, int], int] | None
    count: int | None = None

    def check_size(self) -> None:
        """Refuses a table of more than :data:`MOST_ROWS` rows, in seconds and before its rows are in memory.

        Raises:
            DataError: it has more.
        """
        if self.count is None:
            # Counting lines is fast. Only where there are so many is it worth to see whether they are fewer rows.
            if _line_ends(self.path) <= MOST_ROWS:
                return
            many = sum(1 for _ in islice(self.rows(), MOST_ROWS + 1)) > MOST_ROWS
        else:
            many = self.count > MOST_ROWS
        if many:
            raise DataError(
                f"{self.path}: more than {MOST_ROWS:,} rows, which is the most that ablate reads; write a file with a "
                "random sample of them"
            )

    def place(self, line: int, cell: int) -> str:
        """``file:line:column`` of a cell, or ``file:row N`` where there are no lines."""
        if self.column is None:
            return f"{self.path}:row {line}"
        with _text(self.path) as file:
            text = next(islice(file, line - 1, None), "")
        return f"{self.path}:{line}:{self.column(text, cell)}"


def open_table(path: Path, also: Sequence[str] = ()) -> Table:
    """Opens a table by the end of its name, and reads the names of its columns.

    Args:
        also: names that objects of JSONL may have although the first one does not.

    Raises:
        DataError: the file is absent, empty or of no known kind, or its header is malformed.
    """
    suffix = path.suffix.lower()
    if is_folder(path):
        return _of_arrow(path, saved(path))
    if suffix not in SUFFIXES:
        raise DataError(f"{path}: '{suffix}' is no known kind of table; save it as one of {', '.join(SUFFIXES)}")
    try:
        require_regular(path)
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror or error}; correct the path, which starts where ablate runs"
        ) from None
    if not start.removeprefix(b"\xef\xbb\xbf").strip():
        raise DataError(f"{path}:1: the file is empty; write a row for each item")
    if suffix == ".parquet":
        return _of_arrow(path, parquet(path))
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}:1:1: not UTF-8 but UTF-16; save the file as UTF-8")
    if b"\0" in start:
        before = start[: start.index(b"\0")]
        place = f"{path}:{before.count(10) + 1}:{len(before) - before.rfind(10)}"
        raise DataError(f"{place}: a NUL character, as UTF-16 and files that are no text have; save the file as UTF-8")
    return _jsonl(path, also) if suffix in (".jsonl", ".ndjson") else _separated(path, suffix == ".tsv")


def _line_ends(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """The text of a file, whose faults of encoding are found again with their place."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError:
        with path.open("rb") as binary:
            for number, line in enumerate(binary, 1):
                try:
                    line.decode()
                except UnicodeDecodeError as error:
                    column = len(line[: error.start].decode(errors="replace")) + 1
                    raise DataError(f"{path}:{number}:{column}: not UTF-8; save the file as UTF-8") from None
        raise


def _separated(path: Path, tabs: bool) -> Table:
    with _text(path) as file:
        first = next((line for line in file if line.strip()), "")
    # Excel writes semicolons where the comma is the decimal mark. In TSV, as everywhere in ablate, quotes are text.
    delimiter = "\t" if tabs else max(",;\t", key=first.count)
    read = partial(_separated_rows, path, delimiter, not tabs)
    line, names = next(read())
    names = [name.strip() for name in names]
    starts = partial(_column_of, delimiter=delimiter, quotes=not tabs)
    for cell, name in enumerate(names):
        place = f"{path}:{line}:{starts(first, cell)}"
        if is_number(name) or len(name.split()) > 5:
            raise DataError(f"{place}: no header: '{_shortened(name)}' is no name; write the columns' names in line 1")
        if name and name in names[:cell]:
            raise DataError(f"{place}: a second column '{name}'; rename one of them")

    mark = {",": "comma", ";": "semicolon"}.get(delimiter, "tab")
    remedy = "correct the tabs" if tabs else f"correct the line, or put text with a {mark} in quotes"

    def rows() -> Rows:
        found = read()
        next(found)
        for number, cells in found:
            if len(cells) != len(names):
                raise DataError(f"{path}:{number}: {len(cells)} cells, and the header has {len(names)}; {remedy}")
            yield number, cells

    return Table(path, tuple(names), rows, starts)


def _separated_rows(path: Path, delimiter: str, quotes: bool) -> Rows:
    """All rows, the header too, without blank ones."""
    with _text(path) as file:
        # QUOTE_NONE or QUOTE_MINIMAL, as numbers, because the type checker takes these names for any int.
        reader = csv.reader(file, delimiter=delimiter, quoting=0 if quotes else 3, strict=True)
        start = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise _quote_error(path, start, reader.line_num, delimiter, error) from None
            if any(cells):
                yield start, cells
            start = reader.line_num + 1


def _quote_error(path: Path, start: int, end: int, delimiter: str, error: csv.Error) -> DataError:
    with _text(path) as file:
        line = next(islice(file, start - 1, None), "")
    place = f"{path}:{start}:{_open_quote(line, delimiter)}"
    if "expected after" in str(error):
        return DataError(
            f"{place}: a quote opens here, and text follows its end in line {end}; double the quotes inside the text"
        )
    if "field larger" in str(error):
        return DataError(f"{place}: a cell of over {csv.field_size_limit():,} characters; does its quote never close?")
    return DataError(f"{place}: a quote opens here and never closes; close it, or double quotes that are text")


def _starts(line: str, delimiter: str, quotes: bool) -> list[int]:
    """Where each cell of a line begins, from 0."""
    starts, inside = [0], False
    for at, character in enumerate(line):
        if quotes and character == '"':
            inside = not inside
        elif character == delimiter and not inside:
            starts.append(at + 1)
    return starts


def _column_of(line: str, cell: int, *, delimiter: str, quotes: bool) -> int:
    starts = _starts(line, delimiter, quotes)
    return starts[cell] + 1 if cell < len(starts) else 1  # in a later line of a row of several


def _open_quote(line: str, delimiter: str) -> int:
    """The position, from 1, of the last cell of a line that a quote opens."""
    starts = _starts(line, delimiter, True)
    return 1 + max((at for at in starts if line[at : at + 1] == '"'), default=0)


def _jsonl(path: Path, also: Sequence[str]) -> Table:
    number, first = next(_objects(path))
    names = (*first, *(name for name in also if name not in first))
    if not first:
        raise DataError(f"{path}:{number}: an object without anything in it; write a name for each text")

    def rows() -> Rows:
        for number, found in _objects(path):
            # What is absent is None, and refused only if it is needed.
            yield number, [found.get(name) for name in names]

    return Table(path, names, rows, lambda line, cell: line.find(json.dumps(names[cell])) + 1 or 1)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with _text(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                found = json.loads(line, object_pairs_hook=_once)
            except json.JSONDecodeError as error:
                place = f"{path}:{number}:{error.colno}"
                raise DataError(f"{place}: not JSON: {error.msg}; write one object on each line") from None
            except _Twice as name:
                raise DataError(f"{path}:{number}:1: '{name}' stands twice in the object; rename one") from None
            except ValueError as error:  # such as a number of thousands of digits
                raise DataError(f"{path}:{number}:1: not JSON: {error}; write one object on each line") from None
            except RecursionError:
                raise DataError(f"{path}:{number}:1: nested too deeply; write one object of texts a line") from None
            if not isinstance(found, dict):
                raise DataError(f'{path}:{number}:1: no JSON object; write one such as {{"text1": …, "text2": …}}')
            yield number, found


class _Twice(Exception):
    """A name that stands twice in a JSON object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _of_arrow(path: Path, found: Columns) -> Table:
    return Table(path, found.names, found.rows, None, found.count)


def is_number(cell: Any) -> bool:
    """Whether a cell is a number, or text that is one."""
    if isinstance(cell, str):
        try:
            float(cell)
        except ValueError:
            return False
        return True
    return isinstance(cell, int | float)


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
