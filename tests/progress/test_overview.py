"""What is seen of a run, at a clock of the test."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ablate.events import Event
from ablate.progress.overview import Overview, clock


def seen(overview: Overview, now: float, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(overview.render(now))
    return [line.rstrip() for line in capture.get().splitlines() if line.strip()]


def taken(overview: Overview, *events: tuple[float, Event]) -> list[str]:
    return [line for now, event in events for line in overview.take(event, now)]


# Without color, only what is done is drawn of a bar of 20 columns.
HALF = "━" * 10


def test_a_run_from_load_to_statistics() -> None:
    run = Overview(100)
    assert seen(run, 100) == ["elapsed 0:00"]
    assert taken(run, (100, Event("load", "quick.yaml")), (101, Event("load", "minilm"))) == []
    assert seen(run, 102) == ["loading minilm", "elapsed 0:02"]
    lines = taken(
        run,
        (105, Event("note", "device: cpu")),
        (107, Event("forecast", "", 2, part="passes", seconds=20)),
        (107, Event("forecast", "", 4, part="screen", seconds=8)),
        (107, Event("pass", "pass: gradient of align")),
    )
    assert lines == ["device: cpu", "loaded minilm in 7 s"]
    assert seen(run, 107) == [
        f"pass: gradient of align {' ' * 20} 0/2",
        f"total {'━' * 4}{' ' * 16} elapsed 0:07, left about 0:28",
    ]
    lines = taken(
        run,
        (117, Event("pass", "pass: gradient of uniform")),
        (127, Event("begin", "screen", 4, part="screen")),
        (129, Event("cell", "dense")),
        (131, Event("cell", "head align 20 %")),
    )
    assert lines == ["2 passes over the calibration set in 20 s"]
    assert seen(run, 131)[0] == f"screen {HALF}{' ' * 10} 2/4 head align 20 %"
    assert seen(run, 131)[1].endswith("elapsed 0:31, left about 0:04")
    assert taken(run, (133, Event("cell", "a")), (135, Event("cell", "b"))) == ["screen: 4 cells in 8 s"]
    assert seen(run, 135) == [f"total {'━' * 20} elapsed 0:35, left about 0:00"]
    assert taken(run, (135, Event("begin", "statistics", 1, part="statistics")), (136, Event("cell", "screen"))) == [
        "statistics: 1 cell in 1 s"
    ]


def test_a_training_stands_below_its_stage_and_goes() -> None:
    run = Overview(0)
    taken(
        run, (0, Event("begin", "m: screen", 2)), (0, Event("fit", "m: gates, seed 0", 2)), (1, Event("step", "dev 8"))
    )
    first, second, third = seen(run, 1)
    assert first.startswith("m: screen")
    assert second == f"m: gates, seed 0 {HALF}{' ' * 10} 1/2 dev 8"
    assert third == "elapsed 0:01", "nothing is known of the cells"
    taken(run, (2, Event("step", "dev 9")))
    assert len(seen(run, 2)) == 2


@pytest.mark.parametrize("width", [44, 80, 160])
def test_no_line_is_wider_than_the_terminal_and_the_time_is_never_cut(width: int) -> None:
    run = Overview(0)
    long = "all-datasets-v4_mpnet-base: screen, draws 1 to 4"
    taken(run, (0, Event("begin", long, 1000)), (1, Event("cell", "head+neuron combined 25 % + 10 % (matched 12)")))
    shown = seen(run, 1, width)
    assert len(shown) == 2
    assert max(map(len, shown)) <= width
    assert "elapsed 0:01, left about" in shown[1]


def test_control_characters_of_names_do_not_reach_the_terminal() -> None:
    run = Overview(0)
    taken(run, (0, Event("begin", "model \x1b[31m", 1)))
    assert "\x1b" not in "".join(seen(run, 0))


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (100, "1:40"), (3723, "1:02:03")]
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
