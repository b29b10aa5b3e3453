"""Progress on stderr: a bar with an ETA in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from ablate.experiment.events import Event

PLAIN_SECONDS = 10.0
"""Without a terminal, a line at most this often."""


class Progress:
    """Watches a run (see :class:`ablate.experiment.events.Event`)."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[cell]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._bar: TaskID | None = None
        self._stage, self._total, self._done, self._computed = "", 0, 0, 0
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, event: Event) -> None:
        if event.kind == "note":
            self._console.print(event.text, markup=False, soft_wrap=True)
        elif event.kind == "begin":
            self._stage, self._total, self._done, self._computed = event.text, event.total, 0, 0
            self._began = time.monotonic()
            self._bar = self._bars.add_task(event.text, total=event.total, cell="")
        else:
            self._done += 1
            self._computed += not event.cached
            if self._bar is not None:
                self._bars.update(self._bar, advance=1, cell=escape(event.text))
            self._plain()

    def _plain(self) -> None:
        now = time.monotonic()
        last = self._done == self._total
        if self._console.is_terminal or (now - self._said < PLAIN_SECONDS and not last):
            return
        self._said = now
        left = (now - self._began) / self._computed * (self._total - self._done) if self._computed else 0
        ending = "" if last or not self._computed else f", about {left:.0f} s left"
        self._console.print(f"{self._stage}: {self._done} of {self._total} cells{ending}", soft_wrap=True)
