"""Prints plain text."""

from __future__ import annotations

import sys

from ablate.printable import visible


def say(text: str, *, err: bool = False) -> None:
    """Prints a line to stdout or stderr, without control characters. Every plain text of ablate passes it."""
    print(visible(text), file=sys.stderr if err else sys.stdout)
