"""Docstrings as Markdown: paragraphs, and lists of arguments, attributes and exceptions."""

from __future__ import annotations

import inspect
import re
import textwrap

_HEADS = {"Args:": "Arguments:", "Returns:": "Returns:", "Yields:": "Yields:", "Raises:": "Raises:"}
_ENTRY = re.compile(r"(\*{0,2}[A-Za-z_][\w.]*(?:, [A-Za-z_][\w.]*)*): +(?=\S)")


def prose(docstring: str) -> str:
    """A docstring in the style of Google, whose code has the marks of reStructuredText, as Markdown."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(_paragraph(paragraph.splitlines()) for paragraph in paragraphs if paragraph.strip())


def _paragraph(lines: list[str]) -> str:
    if lines[0] in _HEADS:
        return f"{_HEADS[lines[0]]}\n\n{_paragraph(textwrap.dedent(chr(10).join(lines[1:])).splitlines())}"
    entries = _entries(lines)
    if entries is None:
        return _inline(" ".join(line.strip() for line in lines))
    return "\n".join(f"* `{name}`: {_inline(text)}" for name, text in entries)


def _entries(lines: list[str]) -> list[tuple[str, str]] | None:
    """The names and texts of a list, of which each entry begins a line; None if the lines are no list."""
    starts = [line for line in lines if not line.startswith(" ")]
    if not all(_ENTRY.match(line) for line in starts):
        return None
    entries: list[tuple[str, str]] = []
    for line in lines:
        if line.startswith(" "):
            name, text = entries[-1]
            entries[-1] = name, f"{text} {line.strip()}"
        else:
            found = _ENTRY.match(line)
            assert found is not None
            entries.append((found[1], line[found.end() :]))
    return entries


def _inline(text: str) -> str:
    """Code in single backticks, and the marks of Markdown in all else escaped."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"``\1``", text)
    parts = re.split(r"(``.+?``)", text)
    return "".join(f"`{part[2:-2]}`" if part.startswith("``") else _escaped(part) for part in parts)


def _escaped(text: str) -> str:
    return re.sub(
        r"([*|\\])|(\w)_(?=\W)", lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\_", text
    ).replace("<", "&lt;")
