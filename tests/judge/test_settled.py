"""Which cells need no draws, and which no more: by the mean over the tasks of a measure, in the direction of that measure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ablate.judge.settled import gainless_cells, settled_cells
from ablate.recipe.recipe import Statistics
from ablate.record import Row
from ablate.report.results import Results
from ablate.statistics.looks import Look, Looks
from tests.report_rows import about, cell, changed, row

FIVE = Look(Looks.of(20), 5)
SPREAD = (-0.1, -0.05, 0.0, 0.05, 0.1)
"""Deltas of five draws: their sd is 0.079, so that a cell at 1.0 is 11.5 √1.2 of it above them."""

LOSS: dict[str, Any] = {"metric": "loss", "unit": "nats", "higher_is_better": False}


def a_cell(scorer: str, deltas: dict[str, float | None], draws: tuple[float, ...] = SPREAD, **given: Any) -> list[Row]:
    """The rows of a cell and of its draws, which have the same delta on every task; None where the cell failed."""
    rows = []
    for task, delta in deltas.items():
        missing = {"status": "failed", "reason": "out of memory"} if delta is None else {"delta": delta}
        made = cell("head", scorer, 0.1, task=task, stage="confirm", split="test", key=scorer, **missing, **given)
        rows.append(made)
        for number, of_draw in enumerate(draws):
            control = {"control": "matched", "control_of": scorer, "draw": number, "key": f"{scorer} {number}"}
            scored = {"status": "ok", "reason": None, "delta": of_draw, "delta_clean": of_draw}
            rows.append(changed(made, **scored | control))
    return rows


def a_stage(cells: tuple[list[Row], ...], tasks: tuple[str, ...]) -> Results:
    rows = [row(task=task, stage="confirm", split="test") for task in tasks]
    return Results([*rows, *(one for rows in cells for one in rows)], about(screen=[], confirm=list(tasks)))


def found(
    *cells: list[Row],
    tasks: tuple[str, ...] = ("stsb",),
    look: Look = FIVE,
    gainless: tuple[str, ...] = (),
    **settings: Any,
) -> set[str]:
    return settled_cells(a_stage(cells, tasks), look, Statistics(**settings), gainless)


def without_gain(*cells: list[Row], tasks: tuple[str, ...] = ("stsb",), no_verdict: tuple[str, ...] = ()) -> set[str]:
    return gainless_cells(a_stage(cells, tasks), no_verdict)


def undrawn(scorer: str, deltas: dict[str, float | None], **given: Any) -> list[Row]:
    return a_cell(scorer, deltas, draws=(), **given)


def losses(scorer: str, delta: float) -> list[Row]:
    """A cell's rows on a task where lower is better."""
    return [replace(one, **LOSS) for one in undrawn(scorer, {"align-test": delta})]


ALIGN = [replace(row(task="align-test", stage="confirm", split="test", delta=0.0), **LOSS)]
"""The dense model on that task."""


def test_a_cell_far_ahead_or_not_ahead_is_settled_and_one_between_is_not() -> None:
    ahead, behind, between = a_cell("a", {"stsb": 1.0}), a_cell("b", {"stsb": 0.0}), a_cell("c", {"stsb": 0.2})
    assert found(ahead, behind, between) == {"a", "b"}
    # Two more sd are 0.26. With t of 4 degrees of freedom, p is 0.042, which is not a tenth of 0.05.
    assert found(a_cell("d", {"stsb": 0.26})) == set()


def test_a_lower_loss_is_a_gain() -> None:
    lower = [replace(one, **LOSS) for one in a_cell("a", {"stsb": -0.2})]
    higher = [replace(one, **LOSS) for one in a_cell("b", {"stsb": 0.2})]
    # Ahead, but not by enough to be sure; the other one is behind.
    assert found(lower, higher) == {"b"}
    assert found(a_cell("a", {"stsb": -0.2}), a_cell("b", {"stsb": 0.2})) == {"a"}


def test_the_mean_over_the_tasks_decides() -> None:
    tasks = ("stsb", "sickr")
    # The mean is 0.2 and open, although one task is far ahead and the other behind.
    assert found(a_cell("a", {"stsb": 1.0, "sickr": -0.6}), tasks=tasks) == set()
    assert found(a_cell("a", {"stsb": 1.0, "sickr": -1.0}), tasks=tasks) == {"a"}


def test_the_clean_pairs_decide() -> None:
    rows = a_cell("a", {"stsb": 0.2})
    assert found([changed(one, delta_clean=1.0) if one.control is None else one for one in rows]) == {"a"}


def test_to_be_sure_takes_more_among_more_cells() -> None:
    # p is 0.0016 and its look has a tenth of the level, so that 0.016 is reported.
    ahead = a_cell("a", {"stsb": 0.55})
    others = [a_cell(f"b{number}", {"stsb": 0.0}) for number in range(3)]
    assert "a" in found(ahead, *others[:2])
    assert "a" not in found(ahead, *others)
    assert "a" not in found(ahead, *others[:2], correction="by")
    assert "a" not in found(ahead, *others[:2], level=0.01)


def test_by_each_measure_of_the_tasks() -> None:
    """The mean of points and losses has no meaning, so that each has a mean of its own."""

    def both(points: float, loss: float) -> set[str]:
        dense = row(task="align-test", stage="confirm", split="test", delta=0.0)
        losses = [replace(one, **LOSS) for one in (dense, *a_cell("a", {"align-test": loss}))]
        return found(a_cell("a", {"stsb": points}), losses)

    assert both(1.0, -1.0) == both(1.0, 1.0) == both(-1.0, 1.0) == {"a"}
    assert both(1.0, -0.2) == both(0.2, -1.0) == set()


def test_what_failed() -> None:
    tasks = ("stsb", "sickr")
    # No task can be tested. Of the second, a task can, and against as many draws as were asked for.
    assert found(a_cell("a", {"stsb": None, "sickr": None}), tasks=tasks) == {"a"}
    assert found(a_cell("a", {"stsb": 1.0, "sickr": None}), tasks=tasks) == set()
    # A draw that failed on a task has no mean and does not count: four are left, and with one none is tested.
    rows = a_cell("a", {"stsb": 0.0})
    failed = {one.key for one in rows if one.control}

    def without(keys: set[str]) -> set[str]:
        lost = {"status": "failed", "reason": "lost"}
        return found([changed(one, **lost) if one.key in keys else one for one in rows])

    assert without({"a 0"}) == {"a"}
    assert without(failed - {"a 0"}) == without(failed) == set()


def test_what_gets_no_draws_counts_among_the_cells() -> None:
    ahead = a_cell("a", {"stsb": 0.55})
    others = [a_cell("b", {"stsb": 0.0}), *(undrawn(f"c{number}", {"stsb": -1.0}) for number in range(2))]
    assert "a" in found(ahead, *others, gainless=("c0",))
    assert "a" not in found(ahead, *others, gainless=("c0", "c1"))


def test_a_cell_whose_mean_is_not_above_dense_gets_none() -> None:
    cells = [undrawn(name, {"stsb": delta}) for name, delta in (("a", 0.001), ("b", 0.0), ("c", -0.001))]
    assert without_gain(*cells) == {"b", "c"}
    tasks = ("stsb", "sickr")
    ups_and_downs = undrawn("a", {"stsb": 1.0, "sickr": -0.9}), undrawn("b", {"stsb": 0.9, "sickr": -1.0})
    assert without_gain(*ups_and_downs, tasks=tasks) == {"b"}
    # On the clean pairs.
    assert without_gain([changed(one, delta_clean=-1.0) for one in cells[0]]) == {"a"}
    # A lower loss is a gain.
    assert without_gain(ALIGN, losses("a", -0.1), losses("b", 0.1), tasks=()) == {"b"}


def test_a_cell_that_gains_in_any_measure_gets_draws() -> None:
    def both(points: float, loss: float, no_verdict: tuple[str, ...] = ()) -> set[str]:
        return without_gain(ALIGN, undrawn("a", {"stsb": points}), losses("a", loss), no_verdict=no_verdict)

    assert both(-1.0, 0.1) == {"a"}
    assert both(1.0, 0.1) == both(-1.0, -0.1) == both(1.0, -0.1) == set()
    # A measure without verdicts says nothing of improvement; without any verdict, draws are only shown.
    assert both(-1.0, -0.1, ("align-test",)) == {"a"}
    assert both(1.0, 0.1, ("align-test",)) == both(-1.0, 0.1, ("align-test", "stsb")) == set()


def test_a_cell_whose_mean_has_no_verdict_gets_draws() -> None:
    tasks = ("stsb", "sickr")
    assert without_gain(undrawn("a", {"stsb": -1.0, "sickr": None}), tasks=tasks) == set()
    assert without_gain(undrawn("a", {"stsb": None, "sickr": None}), tasks=tasks) == set()
    assert without_gain(undrawn("a", {"stsb": -1.0, "sickr": -1.0}), tasks=tasks, no_verdict=("sickr",)) == set()


def test_cells_without_draws_are_not_looked_at() -> None:
    assert found(a_cell("a", {"stsb": 0.0}, draws=())) == set()


@pytest.mark.parametrize("made", [5, 10])
def test_the_same_at_each_look(made: int) -> None:
    draws = (SPREAD * 2)[:made]
    assert found(a_cell("a", {"stsb": -1.0}, draws), look=Look(Looks.of(20), made)) == {"a"}
