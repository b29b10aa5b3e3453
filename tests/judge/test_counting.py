"""The progress of the statistics: as many cells as there are, each once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ablate.events import Event
from ablate.judge.counting import Counting
from tests.bench import Bench, make_bench


def test_cells_are_counted_by_the_share_of_the_work_and_never_beyond_all() -> None:
    events: list[Event] = []
    counting = Counting(events.append, 5)
    assert [(event.kind, event.text, event.total, event.part) for event in events] == [
        ("begin", "statistics", 5, "statistics")
    ]
    counting.add("screen", 1, cached=True)
    advance = counting.part("screen", 3)
    counts = []
    for share in (0.1, 0.34, 0.5, 0.9, 1.0, 1.0):
        advance(share)
        counts.append(len(events) - 1)
    assert counts == [1, 2, 2, 3, 4, 4]
    # A task cannot be judged, and so all cells are compared again.
    again = counting.part("screen", 4)
    again(1.0)
    assert len(events) - 1 == 5
    assert [event.cached for event in events[1:]] == [True, False, False, False, False]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def test_a_run_tells_of_every_cell_that_it_judges(bench: Bench) -> None:
    given: dict[str, Any] = {"sparsities": [0.25, 0.5], "screen": ["stsb-dev", "sickr-dev"], "confirm": ["stsb"]}

    def judged() -> list[tuple[str, str, int, bool]]:
        bench.clear()
        bench.run(**given)
        of_statistics = [event for event in bench.events if event.part == "statistics" and event.kind != "forecast"]
        return [(event.kind, event.text, event.total, event.cached) for event in of_statistics]

    begin = ("begin", "statistics", 3, False)
    assert judged() == [begin, *[("cell", "screen", 0, False)] * 2, ("cell", "confirm", 0, False)]
    assert judged() == [begin, *[("cell", "screen", 0, True)] * 2, ("cell", "confirm", 0, True)]
