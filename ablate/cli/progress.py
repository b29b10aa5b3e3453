"""Shows progress on stderr: a bar with an ETA in a terminal, otherwise plain lines."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

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

from ablate.cli.console import make_console
from ablate.cli.signals import stop_if_noticed
from ablate.events import Event

PLAIN_SECONDS = 10.0
"""The shortest time between two lines, without a terminal."""


class Progress:
    """Shows the events of a run (see :class:`ablate.events.Event`), and ends it after a notice of a batch system."""

    def __init__(self) -> None:
        self._console = make_console(err=True, highlight=False)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[cell]}"),
            console=self._console,
            # In a pipe or a file, each update of a bar would be a line. `_advance` prints a few plain lines instead.
            disable=not self._console.is_terminal,
        )
        self._counts: dict[str, _Count] = {}
        self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, event: Event) -> None:
        self._show(event)
        stop_if_noticed(event)

    def _show(self, event: Event) -> None:
        if event.kind == "note":
            self._console.print(event.text, markup=False, soft_wrap=True)
        elif event.kind == "begin":
            self._start("cell", event)
        elif event.kind == "fit":
            self._start("step", event)
        else:
            self._advance(self._counts[event.kind], event)

    def _start(self, unit: str, event: Event) -> None:
        # One bar for the cells: the bar of the next stage or model takes the place of the last one.
        if unit == "cell" and (before := self._counts.get(unit)) is not None:
            self._bars.remove_task(before.bar)
        bar = self._bars.add_task(escape(event.text), total=event.total, cell="")
        self._counts[unit] = _Count(event.text, unit, event.total, bar, time.monotonic())

    def _advance(self, count: _Count, event: Event) -> None:
        count.done += 1
        count.computed += not event.cached
        self._bars.update(count.bar, advance=1, cell=escape(event.text))
        if count.unit == "step" and count.done == count.total:
            # A run has many trainings, whose finished bars would fill the screen.
            self._bars.remove_task(count.bar)
        now = time.monotonic()
        last = count.done == count.total
        if self._console.is_terminal and last and count.unit == "cell":
            self._bars.print(f"{escape(count.name)}: {count.total} cells in {now - count.started:.0f} s")
        if self._console.is_terminal or (now - self._last_line < PLAIN_SECONDS and not last):
            return
        self._last_line = now
        # What came from the store took no time, so the estimate counts only what was computed.
        left = (now - count.started) / count.computed * (count.total - count.done) if count.computed else 0
        estimate = "" if last or not count.computed else f", about {left:.0f} s left"
        dev = f", {event.text}" if count.unit == "step" and event.text else ""
        self._console.print(
            f"{count.name}: {count.done} of {count.total} {count.unit}s{dev}{estimate}", markup=False, soft_wrap=True
        )


@dataclass
class _Count:
    """How far a stage or a training is.

    unit: what is counted, ``cell`` or ``step``.
    started: seconds, of the monotonic clock.
    computed: how many of ``done`` did not come from the store.
    """

    name: str
    unit: str
    total: int
    bar: TaskID
    started: float
    done: int = 0
    computed: int = 0
