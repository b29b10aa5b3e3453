"""What scored or chose does not also judge, and the choice is on record before a test set is read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import spearmanr

from ablate.data.calibration import calibrate
from ablate.data.items import ItemSet, pair_key
from ablate.data.senteval import SentEval
from ablate.record import Row
from ablate.report.results import Results
from ablate.report.tables import render
from ablate.store.store import Store
from tests.bench import Bench, Pair, known, make_bench, of, one, pairs, write_set

TRAIN, DEV, TEST = pairs(2, 60), pairs(1, 30), pairs(0, 40)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def tables(results: Results) -> str:
    page = io.StringIO()
    render(results, Console(file=page, width=80))
    return page.getvalue()


def disguised(pair: Pair) -> Pair:
    """The same pair, turned round and written otherwise."""
    left, right, gold = pair
    return f"{right.upper()} !", left.replace(" ", " - "), gold


def seen_by_calibration(bench: Bench) -> list[Pair]:
    split = SentEval(bench.data).load("stsb-train")
    seen = calibrate(bench.recipe().calibration, [split]).seen
    return [pair for pair in TRAIN if pair_key(*pair[:2]) in seen]


def test_pairs_that_calibration_or_choice_has_seen_are_out_of_the_clean_scores(bench: Bench) -> None:
    calibrated = seen_by_calibration(bench)
    unseen = [pair for pair in TRAIN if pair not in calibrated]
    assert 4 <= len(calibrated) <= len(TRAIN) - 4
    extra = [disguised(pair) for pair in (*calibrated[:4], *DEV[:3])] + unseen[:2]
    write_set(bench.data, "stsb", [*TEST, *extra])
    write_set(bench.data, "stsb-dev", [*DEV, disguised(calibrated[0])])
    results = bench.run(scorers=["align"], confirm=["stsb", "sickr"])
    for row in of(results, task="stsb"):
        assert (row.n, row.n_clean) == (49, 42)
        assert row.score != row.score_clean
        assert row.delta_clean == known(row.score_clean) - known(row.dense_clean)
    for row in of(results, task="sickr"):
        assert (row.n, row.n_clean) == (20, 20)
        assert (row.score, row.delta) == (row.score_clean, row.delta_clean)
    for row in of(results, task="stsb-dev"):
        assert (row.n, row.n_clean) == (31, 30)
    check_clean_score(bench, one(results, task="stsb", scorer="align", control=None), [*TEST, *extra], {*range(40, 47)})


def check_clean_score(bench: Bench, row: Row, content: Sequence[Pair], out: set[int]) -> None:
    """Both scores of a row, from the values that the store keeps for each pair."""
    with Store(bench.store) as store, store._database.reading() as connection:
        from sqlalchemy import select

        from ablate.store import schema

        keys = connection.execute(select(schema.results.c.key)).scalars().all()
        found = [r for r in store.get_results(keys).values() if r.score == row.score]
    (result,) = found
    assert result.values is not None
    gold = np.array([pair[2] for pair in content])
    kept = np.array([i not in out for i in range(len(content))])
    assert row.score == pytest.approx(100 * spearmanr(result.values, gold).statistic, abs=1e-9)
    assert row.score_clean == pytest.approx(100 * spearmanr(result.values[kept], gold[kept]).statistic, abs=1e-9)


def test_nothing_is_dropped_for_a_calibration_that_no_scorer_looks_at(bench: Bench) -> None:
    write_set(bench.data, "stsb", [*TEST, *TRAIN[:10], *DEV[:3]])
    results = bench.run(scorers=["magnitude", "random"], confirm=["stsb"])
    assert {row.n_clean for row in of(results, task="stsb")} == {50}


def test_overlap_keep_decides_on_all_pairs(bench: Bench) -> None:
    write_set(bench.data, "stsb", [*TEST, *DEV])
    results = bench.run(confirm=["stsb"], overlap="keep")
    row = one(results, task="stsb", scorer="magnitude", control=None)
    assert (row.n, row.n_clean) == (70, 40)
    assert results.about.overlap == "keep"


def test_a_set_that_was_seen_whole_has_a_full_score_and_no_clean_one(bench: Bench) -> None:
    write_set(bench.data, "stsb", [disguised(pair) for pair in DEV])
    write_set(bench.data, "sickr", [*((a, b, max(gold, 1)) for a, b, gold in DEV[:10]), *pairs(20, 2, 1.0)])
    results = bench.run(confirm=["stsb", "sickr"])
    for task, left in (("stsb", 0), ("sickr", 2)):
        for row in of(results, task=task):
            assert (row.status, row.n_clean) == ("ok", left)
            assert row.score is not None
            assert row.delta is not None
            assert row.score_clean is row.dense_clean is row.delta_clean is None
            assert row.reason == f"without overlapping pairs: {left} pairs, fewer than 3"
    assert "fewer than 3" in " ".join(tables(results).split())
    assert "fewer than 3" in results.to_markdown()
    assert results.to_json()
    assert results.summary()


def test_the_choice_is_on_record_before_a_confirm_task_is_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source is asked for no confirm task before that; the spy looks into the store at every reading."""
    real = SentEval.load
    loads: list[str] = []

    def load(self: SentEval, name: str) -> ItemSet:
        loads.append(name)
        with Store(bench.store) as store:
            infos = store.runs()
            if name in ("stsb", "sickr"):
                (info,) = infos
                assert info.choice is not None
                assert info.chosen is not None
                assert info.started <= info.chosen <= datetime.now(UTC)
                assert store.reads()[name] == 1
            elif "the choice" not in loads:
                assert not any(info.choice for info in infos)
                assert store.reads() == {}
        return real(self, name)

    monkeypatch.setattr(SentEval, "load", load)
    real_record = Store.record_choice

    def record(self: Store, *args: Any) -> None:
        loads.append("the choice")
        real_record(self, *args)

    monkeypatch.setattr(Store, "record_choice", record)
    results = bench.run(scorers=["align", "magnitude"], sparsities=[0.25, 0.5], confirm=["stsb", "sickr"])
    chosen_at = loads.index("the choice")
    assert set(loads[:chosen_at]) == {"stsb-train", "stsb-dev"}
    assert [name for name in loads[chosen_at + 1 :] if name != "stsb-dev"] == ["stsb", "sickr"]
    with Store(bench.store) as store:
        (info,) = store.runs()
    chosen = {row.key: row.cell for row in of(results, stage="screen", chosen=True)}
    assert info.choice is not None
    (cells,) = info.choice.values()
    assert {key[:16]: text for key, text in cells.items()} == chosen
    assert len(chosen) == 2


def test_every_model_is_chosen_for_before_any_reads_a_test_set(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = SentEval.load
    models = [str(bench.model), {"name": str(bench.model), "pooling": "cls"}]

    def load(self: SentEval, name: str) -> ItemSet:
        if name == "stsb":
            with Store(bench.store) as store:
                choice = store.runs()[-1].choice
            assert choice is not None
            assert len(choice) == 2
        return real(self, name)

    monkeypatch.setattr(SentEval, "load", load)
    bench.run(model=models, confirm=["stsb"])
    with Store(bench.store) as store:
        assert store.reads() == {"stsb": 2}


def test_reading_a_test_set_to_screen_on_is_logged_and_called_exploratory(bench: Bench) -> None:
    results = bench.run(screen=["stsb", "stsb-dev"])
    assert results.about.exploratory is True
    assert "exploratory: nothing held out" in tables(results)
    bench.run(screen=["stsb"])
    with Store(bench.store) as store:
        assert store.reads() == {"stsb": 2}


def test_where_nothing_can_be_chosen_it_is_said_and_dense_is_confirmed_alone(bench: Bench) -> None:
    write_set(bench.data, "stsb-dev", [(a, b, 3.0) for a, b, _ in DEV])
    results = bench.run(confirm=["stsb"])
    assert [row.cell for row in of(results, stage="confirm")] == ["dense"]
    said = [event.text for event in bench.events if event.text.startswith("nothing to confirm")]
    assert said == ["nothing to confirm of head magnitude: none of its cells has a Δ on every screen task"]
    assert tables(results)


def test_confirm_all_takes_every_cell(bench: Bench) -> None:
    confirm = {"tasks": ["stsb"], "cells": "all"}
    results = bench.run(sparsities=[0.25, 0.5], confirm=confirm, controls={"matched": 1})
    confirmed = of(results, stage="confirm", control=None)
    assert [row.cell for row in confirmed] == ["dense", "head magnitude 25 %", "head magnitude 50 %"]
    without = bench.run(sparsities=[0.25, 0.5], screen=[], confirm=confirm, controls={"matched": 1})
    assert [row.stage for row in without.rows] == ["confirm"] * 5
    assert tables(without)
