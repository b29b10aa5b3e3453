"""Shows a run as plain lines: messages, and now and then how far it is."""

from __future__ import annotations

import time

from rich.console import Console

from ablate.events import Event
from ablate.printable import visible
from ablate.progress.overview import Count, clock
from ablate.progress.remaining import Remaining

SECONDS = 10.0
"""The shortest time between two lines of a stage or training that is not finished."""


class Lines:
    """Prints lines, without bars and control characters, for a pipe or a file."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._counts: dict[str, Count] = {}
        self._remaining = Remaining()
        self._last_line = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Takes the next event of a run."""
        self._remaining.take(event, time.monotonic())
        if event.kind in ("note", "pass"):
            self._print(event.text)
        elif event.kind in ("begin", "fit"):
            unit = "cell" if event.kind == "begin" else "step"
            self._counts[unit] = Count(event.text, event.total, time.monotonic())
        elif event.kind in ("cell", "step"):
            self._advance(self._counts[event.kind], event)

    def _advance(self, count: Count, event: Event) -> None:
        count.done += 1
        now = time.monotonic()
        if now - self._last_line < SECONDS and not count.finished:
            return
        self._last_line = now
        left = None if count.finished else self._remaining.left(now)
        estimate = "" if left is None else f", left about {clock(left)}"
        dev = f", {event.text}" if event.kind == "step" and event.text else ""
        self._print(f"{count.name}: {count.done} of {count.total} {event.kind}s{dev}{estimate}")

    def _print(self, text: str) -> None:
        self._console.print(visible(text, keep="\n"), markup=False, soft_wrap=True)
