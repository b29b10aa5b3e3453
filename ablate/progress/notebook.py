"""Shows a run below the cell of a notebook."""

from __future__ import annotations

import io
import time
from html import escape
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.text import Text

from ablate.events import Event
from ablate.printable import visible
from ablate.progress.overview import Overview

SECONDS = 0.2
"""The shortest time between two updates that add no line."""

WIDTH = 100


class InNotebook:
    """Updates one output of the cell. At the end, the lines that stay are left of it."""

    def __init__(self) -> None:
        self._overview, self._lines = Overview(time.monotonic()), list[str]()
        self._last = 0.0
        self._output: Any = None

    def __enter__(self) -> Self:
        from IPython.display import display

        self._output = display(self._bundle(Text("")), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._update(Text(""))

    def __call__(self, event: Event) -> None:
        """Takes the next event of a run."""
        now = time.monotonic()
        lines = self._overview.take(event, now)
        self._lines += [visible(line) for line in lines]
        if lines or now - self._last > SECONDS or event.kind == "load":
            self._last = now
            self._update(self._overview.render(now))

    def _update(self, overview: RenderableType) -> None:
        self._output.update(self._bundle(overview), raw=True)

    def _bundle(self, overview: RenderableType) -> dict[str, str]:
        """The text, as plain text and as HTML, by MIME type."""
        console = Console(file=io.StringIO(), width=WIDTH, color_system=None, force_jupyter=False)
        console.print(overview)
        drawn = [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
        text = "\n".join([*self._lines, *drawn]).strip()
        return {"text/plain": text, "text/html": f"<pre>{escape(text)}</pre>"}
