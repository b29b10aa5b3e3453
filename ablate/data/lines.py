"""Reads tab-separated text strictly: any fault is a DataError that names the path and the line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ablate.errors import DataError
from ablate.files import require_regular


def read_lines(path: Path, encoding: Literal["utf-8", "latin-1"] = "utf-8", *, keep_blank: bool = False) -> list[str]:
    """The lines of a file, without their ends (``\\n`` or ``\\r\\n``) and without a byte-order mark.

    The last line need not have an end.

    Args:
        keep_blank: keep blank lines at the end of the file, which are left out otherwise.

    Raises:
        DataError: the file is absent, empty or not in its encoding.
    """
    try:
        require_regular(path)
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; copy the file there, or leave out its data set") from error
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{line}: not UTF-8; convert the file to UTF-8, or copy it again") from error
    # Not splitlines(): it also breaks at separators such as U+0085 and U+2028, which may occur in a sentence.
    lines = text.split("\n")
    if not lines[-1]:  # what follows the end of the last line
        lines.pop()
    while lines and not keep_blank and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise DataError(f"{path}:1: the file is empty; copy it again")
    return [line.removesuffix("\r") for line in lines]


def cells(line: str, columns: int, place: str, *, more: bool = False) -> list[str]:
    """The cells between tabs. Quote characters have no special meaning.

    Args:
        more: whether there may be more of them than ``columns``.

    Raises:
        DataError: there are not ``columns`` of them.
    """
    row = line.split("\t")
    if len(row) < columns or (len(row) > columns and not more):
        least = "at least " if more else ""
        raise DataError(f"{place}: {len(row)} tab-separated columns, expected {least}{columns}; correct the line")
    return row


def refuse_numbers(rows: Sequence[Sequence[str]], path: Path) -> None:
    """Checks that no column of sentences has numbers alone, a header aside: these are scores or labels.

    Raises:
        DataError: a column has.
    """
    for number, column in enumerate(zip(*rows, strict=True), 1):
        below_header = column[1:] or column
        if all(map(_is_number, below_header)):
            raise DataError(
                f"{path}: column {number} has only numbers, such as '{below_header[0]}', where sentences should be; "
                "are these gold scores or labels? Remove the column"
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def sentence(text: str, place: str) -> str:
    """The sentence, with each run of white space replaced by one space.

    Raises:
        DataError: the sentence is empty.
    """
    words = " ".join(text.split())
    if not words:
        raise DataError(f"{place}: an empty sentence; correct the line, or copy the file again")
    return words


def gold_score(text: str, low: float, place: str) -> float:
    """A gold score from ``low`` to 5.

    Raises:
        DataError: not a finite number, or out of range.
    """
    try:
        gold = float(text)
    except ValueError:
        gold = math.nan
    if not math.isfinite(gold):
        raise DataError(f"{place}: gold score '{text.strip()}' is not a number; correct the line")
    if not low <= gold <= 5:
        raise DataError(f"{place}: gold score {gold:g} is outside {low:g} to 5; correct the line")
    return gold
