"""Where progress is shown: live in a terminal, below the cell of a notebook, as lines, or not at all."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from ablate.events import Event, silent
from ablate.progress.display import shown

RUN = (
    Event("load", "minilm"),
    Event("note", "device: cpu \x1b[31m"),
    Event("forecast", "", 2, part="screen", seconds=4),
    Event("pass", "pass: gradient of align"),
    Event("begin", "screen", 2, part="screen"),
    Event("cell", "dense"),
    Event("fit", "gates, seed 0", 1),
    Event("step", "dev 8.10"),
    Event("cell", "head align 20 %"),
)


def watched(console: Console, *, lines: bool = True) -> str:
    with shown(console, lines=lines) as watch:
        for event in RUN:
            watch(event)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_pipe_gets_lines_without_control_characters() -> None:
    assert watched(Console(file=io.StringIO(), width=80)).splitlines() == [
        "device: cpu \\x1b[31m",
        "pass: gradient of align",
        "gates, seed 0: 1 of 1 steps, dev 8.10",
        "screen: 2 of 2 cells",
    ]


def test_now_and_then_a_line_says_how_long_the_run_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("ablate.progress.lines.time.monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=80)
    with shown(console, lines=True) as watch:
        watch(Event("forecast", "", 4, part="screen", seconds=40))
        watch(Event("forecast", "", 2, part="confirm", seconds=40))
        watch(Event("begin", "screen", 4, part="screen"))
        for seconds in (9, 18):
            now[0] = seconds
            watch(Event("cell", "a cell"))
    # Cells take 9 s in place of 10; so two of the confirmation take 18 each.
    assert console.file.getvalue() == "screen: 2 of 4 cells, left about 0:54\n"  # type: ignore[attr-defined]


def test_without_lines_a_pipe_gets_nothing() -> None:
    assert watched(Console(file=io.StringIO()), lines=False) == ""
    with shown(Console(file=io.StringIO()), lines=False) as watch:
        assert watch is silent, "so that nothing is forecast"


def test_a_terminal_is_left_with_the_lines_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True, force_jupyter=False)
    sent = watched(console)
    assert "elapsed 0:00" in sent
    assert on_screen(sent) == [
        "device: cpu \\x1b[31m",
        "loaded minilm in 0 s",
        "1 pass over the calibration set in 0 s",
        "screen: 2 cells in 0 s",
    ]


def on_screen(sent: str) -> list[str]:
    """The lines that a terminal shows, of the few controls that there are: line ends, one up, erase, and colors."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[0-9;?]*[a-zA-Z]|[\r\n]|[^\x1b\r\n]+", sent):
        if part == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            column = 0
        elif part == "\x1b[1A":
            row -= 1
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not part.startswith("\x1b"):
            lines[row] = lines[row].ljust(column)[:column] + part + lines[row][column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines if line.strip()]


def test_a_terminal_is_cleared_also_if_the_work_is_interrupted() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, force_jupyter=False)

    def interrupted() -> None:
        with shown(console, lines=True) as watch:
            watch(Event("load", "minilm"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    sent = console.file.getvalue()  # type: ignore[attr-defined]
    assert sent.rfind("\x1b[?25l") < sent.rfind("\x1b[?25h")


def test_a_dumb_terminal_gets_lines() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, force_jupyter=False, _environ={"TERM": "dumb"})
    assert "elapsed" not in watched(console)


def test_a_notebook_has_one_output_which_keeps_the_lines_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    display = pytest.importorskip("IPython.display")
    outputs: list[dict[str, Any]] = []

    class Handle:
        def update(self, bundle: dict[str, Any], *, raw: bool) -> None:
            assert raw
            outputs.append(bundle)

    def shown_first(bundle: dict[str, Any], *, raw: bool, display_id: bool) -> Handle:
        assert raw
        assert display_id
        outputs.append(bundle)
        return Handle()

    monkeypatch.setattr(display, "display", shown_first)
    assert watched(Console(file=io.StringIO(), force_jupyter=True), lines=False) == ""
    assert outputs[1]["text/plain"] == "loading minilm\nelapsed 0:00"
    assert outputs[-1]["text/plain"].splitlines() == [
        "device: cpu \\x1b[31m",
        "loaded minilm in 0 s",
        "1 pass over the calibration set in 0 s",
        "screen: 2 cells in 0 s",
    ]
    assert outputs[-1]["text/html"] == f"<pre>{outputs[-1]['text/plain']}</pre>"
