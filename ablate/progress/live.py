"""Shows a run in a terminal: a few lines that are drawn again and again, below the lines that stay."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

from ablate.events import Event
from ablate.printable import visible
from ablate.progress.overview import Overview

A_SECOND = 8
"""How often the lines are drawn."""


class InTerminal:
    """Draws the overview of a run until the end of the block, where it is removed."""

    def __init__(self, console: Console) -> None:
        self._console, self._overview = console, Overview(time.monotonic())
        # Lines are drawn in a thread, while events change what is drawn.
        self._changing = threading.Lock()
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=A_SECOND, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Takes the next event of a run."""
        with self._changing:
            lines = self._overview.take(event, time.monotonic())
        for line in lines:
            self._console.print(visible(line, keep="\n"), markup=False, soft_wrap=True, highlight=False)

    def _render(self) -> RenderableType:
        with self._changing:
            return self._overview.render(time.monotonic())
