"""The time left: a case computed by hand, and what holds for every run."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from ablate.events import Event
from ablate.progress.remaining import Remaining


def forecast(part: str, pieces: int, seconds: float, model: str = "", of: str = "") -> Event:
    return Event("forecast", "", pieces, part=part, seconds=seconds, model=model, of=of)


def begin(part: str, cells: int, model: str = "") -> Event:
    return Event("begin", part, cells, part=part, model=model)


def cell(*, cached: bool = False, model: str = "") -> Event:
    return Event("cell", "", cached=cached, model=model)


def test_a_run_by_hand() -> None:
    run = Remaining()
    run.take(Event("load", "model"), 0)
    assert run.left(1) is None, "nothing is known yet"
    for event in (forecast("passes", 2, 20), forecast("screen", 4, 8), forecast("confirm", 5, 25)):
        run.take(event, 5)
    run.take(Event("note", "a message says nothing"), 6)
    run.take(Event("pass", "first"), 10)
    assert run.left(10) == 20 + 8 + 25
    assert run.left(13) == 50, "of the pass, 3 s are over"
    assert run.left(99) == 43, "one that takes long uses up no other part"
    # The first pass took 5 s in place of 10: so does the second, and everything else takes half of its forecast.
    run.take(Event("pass", "second"), 15)
    assert run.left(15) == 5 + 4 + 12.5
    run.take(begin("screen", 4), 20)
    assert run.left(20) == 4 + 12.5
    # A cell of the screen takes 6 s in place of 2: with the passes, 16 s in place of 22.
    run.take(cell(), 26)
    assert run.left(26) == 3 * 6 + 25 * 16 / 22
    for now in (27, 28, 29):
        run.take(cell(), now)
    # Confirmed: a cell from the store, and one of 2 s.
    run.take(begin("confirm", 5), 29)
    run.take(cell(cached=True), 29)
    run.take(cell(), 31)
    assert run.left(31) == 3 * 2
    run.take(begin("statistics", 3), 37)
    assert run.left(37) is None, "of statistics nothing was forecast"
    run.take(cell(), 38)
    assert run.left(38) == 2
    run.take(cell(), 39)
    run.take(cell(), 40)
    assert run.left(40) == 0


def test_each_model_has_parts_of_its_own() -> None:
    run = Remaining()
    for model in ("a", "b"):
        run.take(forecast("screen", 2, 4, model), 0)
        run.take(forecast("confirm", 1, 3, model), 0)
    run.take(begin("screen", 2, "a"), 0)
    assert run.left(0) == 2 * 4 + 2 * 3
    run.take(cell(model="a"), 2)
    # The model b begins, so the second cell of a was not needed.
    run.take(begin("screen", 2, "b"), 2)
    assert run.left(2) == 4 + 2 * 3
    for now in (4, 6):
        run.take(cell(model="b"), now)
    run.take(begin("confirm", 1, "a"), 6)
    assert run.left(6) == 2 * 3
    run.take(cell(model="a"), 9)
    run.take(begin("confirm", 1, "b"), 9)
    assert run.left(9) == 3


def test_a_training_is_counted_in_steps_and_leaves_the_stage_open() -> None:
    run = Remaining()
    run.take(forecast("train", 10, 100), 0)
    run.take(forecast("screen", 2, 4), 0)
    run.take(begin("screen", 2), 0)
    run.take(cell(), 2)
    run.take(Event("fit", "cell", 10, part="train"), 2)
    for step in range(4):
        run.take(Event("step", "dev 1"), 3 + step)
    assert run.left(6) == 6 * 1 + 2
    for step in range(6):
        run.take(Event("step", "dev 1"), 7 + step)
    run.take(cell(), 14)
    assert run.left(14) == 0


def test_a_slow_scorer_without_a_forecast_is_known_after_its_first_step() -> None:
    run = Remaining()
    run.take(forecast("screen", 2, 4), 0)
    run.take(Event("fit", "removals", 5), 0)
    assert run.left(0) is None
    run.take(Event("step", ""), 3)
    assert run.left(3) == 4 * 3 + 4


def test_a_stage_that_begins_again_keeps_its_forecast() -> None:
    """As with draws in rounds, and in a race."""
    run = Remaining()
    run.take(forecast("confirm", 10, 10), 0)
    run.take(begin("confirm", 4), 0)
    assert run.left(0) == 10
    for now in range(1, 5):
        run.take(cell(), now)
    run.take(begin("confirm", 2), 4)
    assert run.left(4) == 6
    run.take(begin("statistics", 1), 5)
    run.take(cell(), 6)
    assert run.left(6) == 0


def test_slow_scorers_have_forecasts_of_their_own() -> None:
    """A fast one that is done says little of how long each step of a slow one takes."""
    run = Remaining()
    run.take(forecast("scores", 2, 4, of="head on loss"), 0)
    run.take(forecast("scores", 2, 40, of="head on dev"), 0)
    run.take(Event("fit", "removals", 2, of="head on loss"), 0)
    run.take(Event("step", ""), 1)
    assert run.left(1) == 1 + 40 * 1 / 2, "both take half of what was forecast"
    run.take(Event("step", ""), 2)
    run.take(Event("fit", "removals", 2, of="head on dev"), 2)
    run.take(Event("step", ""), 7)
    assert run.left(7) == 5


def test_the_statistics_of_each_stage_have_a_forecast_and_those_of_all_models_are_one() -> None:
    def judged(stage: str) -> Event:
        return Event("cell", stage, part="statistics")

    run = Remaining()
    run.take(forecast("screen", 1, 2), 0)
    for model in ("a", "b"):
        run.take(forecast("statistics", 1, 2, model, "screen"), 0)
    run.take(forecast("statistics", 3, 30, "a", "confirm"), 0)
    assert run.left(0) == 2 + 4 + 30
    run.take(begin("screen", 1), 0)
    run.take(cell(), 2)
    run.take(Event("begin", "statistics", 5, part="statistics"), 2)
    assert run.left(2) == 4 + 30
    assert run.left(3) == 33, "a cell is under way"
    run.take(judged("screen"), 3)
    # The screen and this cell took 3 s in place of 4.
    assert run.left(3) == 1 + 30 * 3 / 4
    run.take(judged("screen"), 4)
    run.take(judged("confirm"), 9)
    assert run.left(9) == 2 * 5
    run.take(judged("confirm"), 14)
    run.take(judged("confirm"), 19)
    assert run.left(19) == 0


def test_statistics_of_fewer_cells_than_forecast_leave_nothing() -> None:
    run = Remaining()
    for stage in ("screen", "confirm"):
        run.take(forecast("statistics", 9, 9, of=stage), 0)
    run.take(Event("begin", "statistics", 2, part="statistics"), 0)
    run.take(Event("cell", "screen", part="statistics", cached=True), 1)
    assert run.left(1) == 1 + 9
    run.take(Event("cell", "screen", part="statistics"), 2)
    assert run.left(2) == 0


KINDS = st.sampled_from(["note", "load", "pass", "begin", "cell", "fit", "step", "forecast"])
EVENTS = st.builds(
    Event,
    KINDS,
    st.sampled_from(["a", "b"]),
    total=st.integers(0, 5),
    cached=st.booleans(),
    part=st.sampled_from(["", "passes", "screen", "scores", "train", "confirm", "statistics"]),
    seconds=st.floats(0, 1e6),
    model=st.sampled_from(["", "m", "n"]),
    of=st.sampled_from(["", "a", "b"]),
)
TIMES = st.floats(0, 1e6)


@given(st.lists(st.tuples(EVENTS, TIMES, TIMES)))
def test_it_is_never_negative_and_always_a_number_whatever_comes(events: list[tuple[Event, float, float]]) -> None:
    run, now = Remaining(), 0.0
    for event, wait, later in events:
        now += wait
        run.take(event, now)
        left = run.left(now + later)
        assert left is None or (left >= 0 and math.isfinite(left))


@given(
    st.lists(st.floats(0, 1e4), min_size=1, max_size=6),
    st.lists(st.tuples(st.floats(0.001, 1e4), st.booleans()), min_size=1, max_size=6),
    st.integers(0, 3),
)
def test_at_the_end_nothing_is_left(passes: list[float], cells: list[tuple[float, bool]], more: int) -> None:
    run, now = Remaining(), 0.0
    run.take(forecast("passes", len(passes) + more, 10), now)
    run.take(forecast("screen", len(cells) + more, 10), now)
    run.take(forecast("search", more, 10), now)
    for spent in passes:
        run.take(Event("pass", "pass"), now)
        now += spent
    for part in ("screen", "confirm", "statistics"):
        run.take(begin(part, len(cells)), now)
        for spent, cached in cells:
            now += spent
            run.take(cell(cached=cached), now)
    assert run.left(now) == 0
