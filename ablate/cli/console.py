"""Consoles, by which tables, bars and pages reach a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from ablate.printable import visible


class _SafeConsole(Console):
    """A console that prints no control characters but its own, wherever a text comes from."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(visible(text, keep="\n"), style)


def make_console(*, err: bool = False, **options: Any) -> Console:
    """The console of stdout or stderr. Everything that is laid out for a terminal passes it."""
    return _SafeConsole(stderr=err, **options)
