"""Matched draws that stop early: what is evaluated, what a run says of it, and what runs before leave to do."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import ablate.coordinator.mask_maker
from ablate.events import Event
from ablate.judge.effects import stages
from ablate.plan.plan import Cell
from ablate.record import FIELDS, Row
from ablate.report.html.gather import gather
from ablate.report.html.page import render_html
from ablate.report.results import Results
from ablate.statistics.compare import p_of_one_more
from ablate.statistics.early_stop import settled
from ablate.statistics.looks import Look, Looks
from ablate.store.store import Store
from tests.bench import Bench, essence, known, make_bench, of, one

LOOKS = Looks.of(20)
STOPPING: dict[str, Any] = {"matched": 20, "control_seed": 60, "stop_early": True}
EVERY: dict[str, Any] = {"matched": 20, "control_seed": 60}
LEVEL = 0.3
CELLS = 4
DRAWN = 3
"""Of these cells and draws at this level, one has no gain; one is settled at once, one later, and one not at all."""


class Ran(NamedTuple):
    """A run in a store of its own, how many sets of sentences it encoded, and its rounds with their cells."""

    results: Results
    store: Path
    encodes: int
    rounds: list[tuple[str, int]]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        yield make_bench(tmp_path_factory.mktemp("bench"), patch)


def a_run(bench: Bench, store: Path | None = None, **given: Any) -> Results:
    """Cells of neurons, since there are more masks of these than draws."""
    tree: dict[str, Any] = {
        "scorers": ["magnitude"],
        "granularities": ["neuron"],
        "sparsities": [0.1, 0.6, 0.75, 0.9],
        "screen": [],
        "confirm": {"tasks": ["stsb", "sickr"], "cells": "all"},
        "controls": STOPPING,
        "statistics": {"resamples": 100, "level": LEVEL},
    }
    bench.clear()
    return bench.run(store=store, **tree | given)


def ran(bench: Bench, name: str, controls: dict[str, Any]) -> Ran:
    store = bench.root / f"{name}.db"
    return Ran(a_run(bench, store, controls=controls), store, bench.encodes, rounds(bench))


def rounds(bench: Bench) -> list[tuple[str, int]]:
    return [(event.text, event.total) for event in bench.events if event.kind == "begin" and event.part != "statistics"]


@pytest.fixture(scope="module")
def stopped(bench: Bench) -> Ran:
    return ran(bench, "stopped", STOPPING)


@pytest.fixture(scope="module")
def every(bench: Bench) -> Ran:
    return ran(bench, "every", EVERY)


def confirmed(results: Results) -> list[Row]:
    """A row of each confirmed cell."""
    return of(results, stage="confirm", control=None, task="stsb")[1:]


def mean_of(results: Results, key: str) -> float:
    return float(np.mean([known(row.delta_clean) for row in of(results, stage="confirm", key=key)]))


def draws_of(results: Results, cell: Row) -> list[float]:
    """The mean delta of each draw, in their order."""
    return [mean_of(results, row.key) for row in of(results, control="matched", control_of=cell.key, task="stsb")]


def by_hand(results: Results, cell: Row) -> int:
    """How many of the twenty draws a cell is given."""
    draws, gain = np.array(draws_of(results, cell)), mean_of(results, cell.key)
    if gain <= 0:
        return 0
    for number in LOOKS.numbers[:-1]:
        if settled(gain, draws[:number], Look(LOOKS, number), LEVEL, LEVEL / CELLS):
            return number
    return 20


def counts(results: Results) -> dict[str, int]:
    """How many draws each cell was given, by key."""
    return {row.key: row.draws_made or 0 for row in confirmed(results)}


def test_a_cell_is_given_draws_until_it_is_settled(stopped: Ran, every: Ran) -> None:
    results = stopped.results
    wanted = {row.key: by_hand(every.results, row) for row in confirmed(every.results)}
    assert set(wanted.values()) == {0, 5, 10, 20}  # else this would test little
    assert counts(results) == wanted
    assert {row.draws_asked for row in confirmed(results)} == {20}
    made = sum(wanted.values())
    assert (results.about.draws_made, results.about.draws_asked) == (made, 80)
    # Dense, the cells and the draws, each once.
    assert (results.about.computed, stopped.encodes, every.encodes) == (5 + made, 5 + made, 85)
    for cell in confirmed(results):
        assert draws_of(results, cell) == draws_of(every.results, cell)[: wanted[cell.key]]
    # In the order of a run that makes all draws.
    rows = [row for row in every.results.rows if row.draw is None or row.draw < 60 + wanted[str(row.control_of)]]
    assert [(row.key, row.task, row.score) for row in results.rows] == [(row.key, row.task, row.score) for row in rows]
    for row in (*of(results, control="matched"), *of(results, cell="dense")):
        assert (row.draws_made, row.draws_asked) == (None, None)


def test_the_rounds(stopped: Ran) -> None:
    made = list(counts(stopped.results).values())
    later = sum(number > 5 for number in made), sum(number > 10 for number in made)
    # Each round has dense too, which is stored after the first.
    assert stopped.rounds == [
        ("confirm", 1 + CELLS),
        ("confirm, draws 1 to 5", 1 + 5 * DRAWN),
        ("confirm, draws 6 to 10", 1 + 5 * later[0]),
        ("confirm, draws 11 to 20", 1 + 10 * later[1]),
    ]


def test_p_holds_at_the_look_at_which_the_draws_stopped(stopped: Ran) -> None:
    results = stopped.results
    items = {(e.group, e.task): e for e in results.evidence if e.against == "matched"}
    assert len(items) == 3 * DRAWN
    groups = {group.row.key: group.id for stage in stages(results) for group in stage.groups}
    for cell in (cell for cell in confirmed(results) if cell.draws_made):
        share = LOOKS.share(known_count(cell.draws_made))
        mean, of_task = items[groups[cell.key], None], items[groups[cell.key], "sickr"]
        p = p_of_one_more(mean_of(results, cell.key), np.array(draws_of(results, cell)))
        assert mean.p_beats == pytest.approx(min(1, p / share))
        own = [known(row.delta_clean) for row in of(results, control="matched", control_of=cell.key, task="sickr")]
        p = p_of_one_more(known(one(results, key=cell.key, task="sickr").delta_clean), np.array(own))
        assert of_task.p_beats == pytest.approx(min(1, p / share))
        assert (mean.draws, mean.draws_asked) == (cell.draws_made, 20)


def test_few_draws_are_saved_only_where_there_is_no_gain(bench: Bench, every: Ran) -> None:
    results = a_run(bench, every.store, controls=STOPPING | {"matched": 5})
    assert counts(results) == {row.key: min(by_hand(every.results, row), 5) for row in confirmed(every.results)}
    assert set(counts(results).values()) == {0, 5}
    means = {e.group: e.p_beats for e in results.evidence if e.against == "matched" and e.task is None}
    groups = {group.row.key: group.id for stage in stages(results) for group in stage.groups}
    for cell in (cell for cell in confirmed(results) if cell.draws_made):
        # All five draws are the only look, which has the whole level.
        p = p_of_one_more(mean_of(results, cell.key), np.array(draws_of(results, cell)))
        assert means[groups[cell.key]] == pytest.approx(p)


def known_count(count: int | None) -> int:
    assert count is not None
    return count


def test_what_is_finished_is_not_computed_again(bench: Bench, stopped: Ran) -> None:
    again = a_run(bench, stopped.store)
    assert (bench.encodes, again.about.computed) == (0, 0)
    assert essence(again.rows) == essence(stopped.results.rows)
    assert again.evidence == stopped.results.evidence


def test_draws_of_an_earlier_run_change_nothing(bench: Bench, stopped: Ran, every: Ran) -> None:
    results = a_run(bench, every.store)
    assert bench.encodes == 0
    assert essence(results.rows) == essence(stopped.results.rows)
    assert results.evidence == stopped.results.evidence != every.results.evidence
    # And all draws after some, which has its own judgment.
    more = a_run(bench, stopped.store, controls=EVERY)
    assert bench.encodes == every.encodes - stopped.encodes
    assert essence(more.rows) == essence(every.results.rows)
    assert more.evidence == every.results.evidence


def test_an_interrupted_run_goes_on_where_it_was(bench: Bench, stopped: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Counter[str]()

    def stop(event: Event) -> None:
        Bench.watch(bench, event)
        if event.kind == "cell" and event.part != "statistics":
            seen[rounds(bench)[-1][0]] += 1
        if seen["confirm, draws 6 to 10"] == 3:  # dense, which is stored, and two draws
            raise KeyboardInterrupt

    store = bench.root / "interrupted.db"
    with monkeypatch.context() as patch:
        patch.setattr(bench, "watch", stop)
        with pytest.raises(KeyboardInterrupt):
            a_run(bench, store)
    before = bench.encodes
    assert before == 5 + 5 * DRAWN + 2
    results = a_run(bench, store)
    assert before + bench.encodes == stopped.encodes
    assert essence(results.rows) == essence(stopped.results.rows)


def failing(monkeypatch: pytest.MonkeyPatch, fails: Callable[[Cell], bool]) -> None:
    real = ablate.coordinator.mask_maker.MaskMaker.make

    def make(self: Any, cell: Cell) -> Any:
        if fails(cell):
            raise RuntimeError("lost")
        return real(self, cell)

    monkeypatch.setattr(ablate.coordinator.mask_maker.MaskMaker, "make", make)


def test_draws_that_fail_stop_nothing_and_do_not_count(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, lambda cell: cell.draw in (61, 63))
    results = a_run(bench, bench.root / "draws.db")
    drawn = {item.group: item.draws for item in results.evidence if item.against == "matched"}
    for group in (group for stage in stages(results) for group in stage.groups if group.row.draws_made):
        made = known_count(group.row.draws_made)
        assert (len(group.matched), drawn[group.id]) == (made, made - 2)
        assert [row.draw for row in group.rows_of_draws() if row.status == "failed"] == [61, 61, 63, 63]
    assert (len(drawn), results.about.failed) == (DRAWN, 2 * DRAWN)


def test_a_cell_that_fails_has_no_mean_and_gets_the_draws_of_the_first_round(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda cell: bool(cell.steps) and not cell.control and cell.steps[0].sparsity in (0.1, 0.6))
    results = a_run(bench, bench.root / "cell.db")
    lost = [row for row in confirmed(results) if row.sparsity in (0.1, 0.6)]
    assert [(row.status, row.draws_made) for row in lost] == [("failed", 5)] * 2


def test_draws_of_screened_cells_stop_too(bench: Bench) -> None:
    controls = {"matched": 0, "screened": 9, "stop_early": True}
    results = a_run(bench, bench.root / "screened.db", screen=["stsb-dev"], confirm=None, controls=controls)
    cells = [row for row in of(results, stage="screen", control=None) if row.cell != "dense"]
    assert {row.draws_asked for row in cells} == {9}
    assert {known_count(row.draws_made) for row in cells} <= {0, 5, 9}
    assert (results.about.draws_made, results.about.draws_asked) == (len(of(results, control="matched")), 36)
    assert known_count(results.about.draws_made) < 36


def test_tables_say_how_many_were_made(stopped: Ran) -> None:
    results, made = stopped.results, known_count(stopped.results.about.draws_made)
    text = results.to_markdown()
    assert all(f"| {number} of 20 |" in text for number in (0, 5, 10, 20))
    assert "draws made: 0 of a cell no better than dense, which cannot improve; none are added once a cell" in text
    assert "Matched draws of a cell: 0–20 of 20." in text
    assert "cells whose mean is no better than dense get no matched draws" in text
    assert "needs two" not in text
    assert f"matched draws: {made} of 80 made, {80 - made} saved by stopping early" in text
    assert "With 80 % power, all draws and the p of the other cells as they are," in text
    with Store(stopped.store) as store:
        page = render_html(gather(store, results))
        kept = Results.from_plain(store.rows(results.about.run), store.about(results.about.run))
    assert f"{made} of 80 made, {80 - made} saved by stopping early" in page
    assert (kept.rows, kept.about) == (results.rows, results.about)
    assert kept.to_markdown() == text


def test_verdicts_are_those_with_all_draws(stopped: Ran, every: Ran) -> None:
    """Of the cell without draws too: with all of them, its p of improving is 1."""
    own, ours = ({row.key: row.mean_verdict for row in confirmed(ran.results)} for ran in (every, stopped))
    assert own == ours
    (without,) = (row.key for row in confirmed(stopped.results) if row.draws_made == 0)
    groups = {group.row.key: group.id for stage in stages(every.results) for group in stage.groups}
    means = {e.group: e.q_improves for e in every.results.evidence if e.against == "dense" and e.task is None}
    assert means[groups[without]] == 1.0
    assert not [e for e in stopped.results.evidence if e.against == "matched" and e.group == groups[without]]


def test_data_say_how_many_were_made(stopped: Ran) -> None:
    results = stopped.results
    lines = list(csv.DictReader(io.StringIO(results.to_csv())))
    assert list(lines[0]) == [*FIELDS, "draws_made", "draws_asked"]
    for cell in confirmed(results):
        assert {line["draws_made"] for line in lines if line["key"] == cell.key} == {str(cell.draws_made)}
    assert json.loads(results.to_json())[0]["draws_made"] is None
    assert str(results.to_pandas()["draws_made"].dtype) == "Int64"


def test_without_it_nothing_is_said_of_it(every: Ran) -> None:
    results = every.results
    with Store(every.store) as store:
        rows, about = store.rows(results.about.run), store.about(results.about.run)
    kept = json.dumps([rows, about]) + results.to_json() + results.to_csv() + results.to_markdown()
    for name in ("stop_early", "draws_made", "draws_asked", "draws made:", "stopping early"):
        assert name not in kept
    assert set(rows[0]) == set(FIELDS)
