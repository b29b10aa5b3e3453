"""The forecast of a run: that of the dry run, without reading a test set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ablate.coordinator.dry_run import preview
from ablate.coordinator.expected import expected
from ablate.coordinator.run import prepare_model_run
from ablate.coordinator.speed import Resampling
from ablate.coordinator.tokens import task_tokens
from ablate.data.senteval import SentEval
from ablate.data.standard import expected_items
from ablate.events import Event, silent
from ablate.store.store import Store
from ablate.timing import Timings
from tests.bench import Bench, make_bench

GIVEN: dict[str, Any] = {
    "scorers": ["align", "magnitude", {"scorer": "gates", "updates": 3, "gate_seeds": [0, 1]}],
    "calibration": {"pairs": 16, "sentences": 24, "graded": 16, "batch_size": 8},
    "confirm": ["stsb"],
}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("ablate.coordinator.speed.probed", lambda *_: 0.5)
    monkeypatch.setattr("ablate.coordinator.speed.resampling", lambda *_: Resampling(1e-6, 3e-6))
    return make_bench(tmp_path, monkeypatch)


def told(bench: Bench, **given: Any) -> dict[str, Event]:
    job = bench.job(**given)
    with Store(bench.store) as store:
        model_run = prepare_model_run(job, job.recipe.model[0], store, Timings(), silent)
        return {f"{event.part} {event.of}".strip(): event for event in expected(job, model_run)}


def test_it_is_that_of_the_dry_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.job(**GIVEN)
    with Store(bench.store) as store:
        ahead = preview(job, store).models[0].forecast
        model_run = prepare_model_run(job, job.recipe.model[0], store, Timings(), silent)
        tokens = task_tokens(model_run, job.load(job.tasks.confirm))
    with monkeypatch.context() as patch:
        patch.setattr(
            SentEval, "load", lambda *_, real=SentEval.load: real(*_) if _[1] != "stsb" else pytest.fail("read")
        )
        events = told(bench, **GIVEN)
    assert {part: (event.total, event.seconds) for part, event in events.items() if "confirm" not in part} == {
        "passes": (1, ahead.pass_seconds),
        "scores head gates": (6, ahead.scorer_seconds),
        "screen": (4, ahead.screen_seconds),
        "statistics screen": (3, ahead.judged[0].seconds),
    }
    # A cell for each scorer, three matched draws of each, and dense. The test set is taken for the standard one, which
    # has 1,379 pairs, and here it has 40.
    confirm = events["confirm"]
    assert (confirm.total, ahead.confirmed) == (13, 13)
    assert confirm.seconds == pytest.approx(13 * 0.5 * tokens * 1379 / 40, rel=0.1)
    # Of the bootstrap all 13, of the swaps the cells alone.
    judged = events["statistics confirm"]
    resamples = job.recipe.statistics.resamples
    assert judged.total == 3
    assert judged.seconds == pytest.approx(resamples * 1379 * (13 * 1e-6 + 3 * 3e-6))
    assert ahead.seconds == pytest.approx(
        ahead.pass_seconds + ahead.scorer_seconds + ahead.screen_seconds + ahead.confirm_seconds + ahead.judge_seconds
    )


def test_where_the_store_has_the_screen_nothing_is_probed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run()
    monkeypatch.setattr("ablate.coordinator.speed.probed", lambda *_: pytest.fail("probed"))
    assert told(bench) == {}


def test_who_does_not_watch_gets_no_forecast(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "watch", silent)
    monkeypatch.setattr("ablate.coordinator.run.expected", lambda *_: pytest.fail("forecast"))
    bench.run()


def test_without_a_screen_task_that_may_be_read_there_is_none(bench: Bench) -> None:
    assert told(bench, screen=["stsb"]) == {}
    assert told(bench, screen=[], confirm={"tasks": ["stsb"], "cells": "all"}) == {}


def test_a_failing_plug_in_costs_the_forecast_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> float:
        raise GeneratorExit("no forecast today")

    monkeypatch.setattr("ablate.coordinator.speed.probed", fails)
    assert told(bench) == {}
    assert bench.run().failed == []


def test_sizes_of_sets_that_are_not_read() -> None:
    from ablate.data.embedded import Embedded

    embedded = Embedded()
    assert [expected_items(name) for name in embedded.names()] == [
        len(embedded.load(name)) for name in embedded.names()
    ]
    assert (expected_items("stsb"), expected_items("mine")) == (1379, None)
