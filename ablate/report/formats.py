"""Rows as JSON and CSV, and a page of tables as Markdown."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ablate.printable import visible
from ablate.report.table import Page, Table

# Spreadsheets of East Asian locales also take the full-width forms for the start of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MARKDOWN = re.compile(r"([*_`\[\]|~])")


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """One array of rows. ASCII, so that every terminal and every pipe can take it.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    return json.dumps(rows, indent=2, allow_nan=False) + "\n"


def as_csv(rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> str:
    """RFC 4180 with a header line. None is empty, booleans are ``true`` and ``false``, numbers keep every digit.

    A spreadsheet runs a text that begins with ``=``, ``+``, ``-``, ``@`` or white space as a formula, and labels and
    reasons may come from other people. So such a text gets an apostrophe in front; numbers never do. Control characters
    other than tabs and line ends become escapes (``\\x1b``). JSON keeps texts as they are.
    """
    # Without translation of line ends: the writer ends lines in CRLF itself.
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(fields)
    writer.writerows([_field(row[name]) for name in fields] for row in rows)
    return file.getvalue()


def _field(value: Any) -> Any:
    if isinstance(value, str):
        text = visible(value, keep="\n\r\t")
        return f"'{text}" if text.startswith(_FORMULA) else text
    # A bool is an int in Python, and the writer would print it as `True`.
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return json.dumps(value, allow_nan=False)


def as_markdown(page: Page) -> str:
    """A page in GitHub's Markdown. The best entries are in bold. Characters of Markdown and HTML syntax are escaped."""
    parts = ["\n".join(f"* {escaped(line)}" for line in page.head)]
    for block in page.blocks:
        if block.heading:
            parts.append(f"## {escaped(block.heading)}")
        for table in block.tables:
            parts += [f"### {escaped(table.title)}", _grid(table)]
            legend = (f"Bold: {table.legend}.",) if table.legend else ()
            if table.notes or legend:
                parts.append(escaped(" ".join([*table.notes, *legend])))
    parts.append(escaped(" ".join(page.glossary)))
    parts.append("\n".join(f"* {escaped(line)}" for line in (*page.foot, *page.code)))
    for answer in page.answers:
        parts += [f"## Answer for {escaped(answer.model)}", escaped(answer.headline)]
        parts.append("\n".join(f"* {escaped(kind)}: {escaped(text)}" for kind, text in answer.by_granularity))
    parts += [escaped(remark) for remark in page.remarks]
    return "\n\n".join(part for part in parts if part) + "\n"


def _grid(table: Table) -> str:
    lines = [
        [escaped(column.title) or " " for column in table.columns],
        ["---" if column.stub else "--:" for column in table.columns],
    ]
    for line in table.lines:
        cells = [escaped(cell.text) for cell in line.cells]
        lines.append([f"**{text}**" if cell.best else text for text, cell in zip(cells, line.cells, strict=True)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """Text without control characters, in which nothing is syntax of Markdown or HTML."""
    # `&` comes first, or it would escape the entities of the others. A backslash is an entity too, since as a character
    # it would cancel a backslash that is put in front of the next character.
    text = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\\", "&#92;")
    return _MARKDOWN.sub(r"\\\1", text)
