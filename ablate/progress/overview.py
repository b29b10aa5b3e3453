"""What is being done in a run, and how far it is: a few lines for a terminal or a notebook."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ablate.events import Event
from ablate.printable import number, visible
from ablate.progress.remaining import Remaining

WIDTH = 20
"""Columns of a bar."""


@dataclass
class Count:
    """How far a stage, a training or the passes are.

    started: seconds of the clock of the events.
    last: the name of the last cell, or the newest dev score.
    """

    name: str
    total: int
    started: float
    done: int = 0
    last: str = ""

    @property
    def finished(self) -> bool:
        return self.done >= self.total


class Overview:
    """Takes the events of a run with their times, in seconds of one clock.

    started: when the run began.
    """

    def __init__(self, started: float) -> None:
        self._started, self._remaining = started, Remaining()
        self._loading: Count | None = None
        self._passes: Count | None = None
        self._stage: Count | None = None
        self._training: Count | None = None
        self._passes_to_make = 0

    def take(self, event: Event, now: float) -> list[str]:
        """Takes the next event. Returns the lines that stay: messages, and one for what it has finished."""
        self._remaining.take(event, now)
        if event.kind == "note":
            return [event.text]
        if event.kind == "forecast":
            self._passes_to_make += event.total if event.part == "passes" else 0
            return []
        lines = self._ended(event, now)
        match event.kind:
            case "load":
                self._loading = Count(event.text, 0, self._loading.started if self._loading else now)
            case "pass":
                self._passes = self._passes or Count("", self._passes_to_make, now)
                self._passes.name, self._passes.done = event.text, self._passes.done + 1
            case "begin":
                self._stage, self._training = Count(event.text, event.total, now), None
            case "fit":
                self._training = Count(event.text, event.total, now)
            case "cell" if self._stage:
                self._advance(self._stage, event)
                if self._stage.finished:
                    cells = number(self._stage.total, "cell")
                    lines.append(f"{self._stage.name}: {cells} in {_seconds(self._stage, now)}")
            case "step" if self._training:
                self._advance(self._training, event)
        return lines

    def render(self, now: float) -> RenderableType:
        """The lines of this moment."""
        rows = Table.grid(padding=(0, 1))
        for _ in range(2):
            rows.add_column(no_wrap=True)
        rows.add_column(no_wrap=True, justify="right")
        rows.add_column(no_wrap=True, overflow="ellipsis")
        if self._loading:
            rows.add_row(Text(f"loading {visible(self._loading.name)}"))
        elif self._passes:
            # One that is under way is not done.
            _add_row(rows, self._passes, self._passes.done - 1)
        elif self._stage and not self._stage.finished:
            _add_row(rows, self._stage, self._stage.done)
        if self._training and not self._training.finished and not self._loading:
            _add_row(rows, self._training, self._training.done)
        return Group(rows, self._total(now))

    def _total(self, now: float) -> RenderableType:
        elapsed, left = max(now - self._started, 0.0), self._remaining.left(now)
        total = Table.grid(padding=(0, 1))
        total.add_column(no_wrap=True)
        total.add_column(max_width=WIDTH)
        total.add_column(no_wrap=True)
        said = f"elapsed {clock(elapsed)}"
        if left is None:
            total.add_row(Text(said))
        else:
            bar = ProgressBar(total=max(elapsed + left, 1e-9), completed=elapsed)
            total.add_row(Text("total"), bar, Text(f"{said}, left about {clock(left)}"))
        return total

    def _advance(self, count: Count, event: Event) -> None:
        self._passes = None
        count.done += 1
        count.last = event.text

    def _ended(self, event: Event, now: float) -> list[str]:
        """The lines of loading and of passes that end with this event."""
        lines = []
        if self._loading and event.kind != "load":
            lines.append(f"loaded {self._loading.name} in {_seconds(self._loading, now)}")
            self._loading = None
        if self._passes and event.kind != "pass":
            # Those within a stage are a part of its time.
            if self._stage is None or self._stage.finished:
                count = self._passes.done
                passes = f"{count} pass{'es' if count > 1 else ''} over the calibration set"
                lines.append(f"{passes} in {_seconds(self._passes, now)}")
            self._passes_to_make = max(self._passes_to_make - self._passes.done, 0)
            self._passes = None
        return lines


def clock(seconds: float) -> str:
    """``1:40`` for 100 seconds; ``1:02:03`` with hours."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _seconds(count: Count, now: float) -> str:
    return f"{now - count.started:.0f} s"


def _add_row(rows: Table, count: Count, done: int) -> None:
    total = max(count.total, count.done)
    bar = ProgressBar(total=max(total, 1), completed=done, width=WIDTH)
    rows.add_row(Text(visible(count.name)), bar, Text(f"{done}/{total}"), Text(visible(count.last)))
