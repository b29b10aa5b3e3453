"""Prints plain text: lines, and whole texts such as a CSV."""

from __future__ import annotations

import sys

from ablate.printable import visible


def say(text: str, *, err: bool = False) -> None:
    """Prints a line to stdout or stderr, without control characters. Every plain text of ablate passes it."""
    print(visible(text), file=sys.stderr if err else sys.stdout)


def put_text(text: str) -> None:
    """Writes a whole text to stdout. A terminal gets it without control characters, except line ends and tabs.

    A pipe or a file gets it as it is, since programs read it.
    """
    sys.stdout.write(visible(text, keep="\r\n\t") if sys.stdout.isatty() else text)
