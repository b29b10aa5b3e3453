"""A whole run, a study and a training on a pretended device: nothing meets the CPU by accident, and the scores are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ablate.coordinator.run import execute
from ablate.models.device import CPU
from ablate.plan.job import prepare_job
from ablate.plan.training import prepare_training_job
from ablate.recipe.document import Document
from ablate.report.layout import build
from ablate.report.results import Results
from ablate.store.store import Store
from ablate.studies.prevalence import prevalence
from ablate.studies.stability import stability
from ablate.testing.pretended import PRETENDED, pretended_device
from tests.bench import Bench, essence, make_bench

SCORERS: list[Any] = [
    "align",
    "uniform",
    {"scorer": "combined", "normalize": "layer"},
    {"scorer": "align", "sign": "signed", "second_order": 0.25, "label": "curved"},
    "correlation",
    "magnitude",
    "random",
]
EXAMPLE = {"scorer": "align", "sign": "absolute-example", "label": "example"}
ORACLE = {"scorer": "oracle", "on": "align"}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose `auto` is the pretended device."""
    for module in ("ablate.plan.job.resolve_device", "ablate.engine.worker.resolve"):
        monkeypatch.setattr(module, lambda asked: PRETENDED if asked == "auto" else CPU)
    with pretended_device():
        yield


def run(bench: Bench, device: str, store: Path, **given: Any) -> Results:
    recipe = bench.recipe(device=device, **given)
    job = prepare_job(recipe, Document("recipe", recipe.model_dump(mode="json", by_alias=True)))
    with Store(store) as opened:
        return Results.of(execute(job, opened, keep_going=False))


def scores(results: Results) -> list[tuple[Any, ...]]:
    return [(row.key, row.cell, row.task, row.units_removed, row.result) for row in results.rows]


@pytest.mark.usefixtures("pretend")
@pytest.mark.parametrize(
    "given",
    [
        {"scorers": SCORERS, "granularities": ["head", "neuron", "unstructured"]},
        {"scorers": [EXAMPLE, ORACLE], "granularities": ["head", "neuron"], "sparsities": [0.25], "seeds": [0]},
        {"scorers": ["align"], "calibration": {"pairs": 16, "sentences": 24, "batch_size": 8, "positives": "dropout"}},
        {"scorers": ["align"], "steps": 2, "granularities": ["head", "neuron"]},
        {
            "scorers": ["align"],
            "granularities": ["head", "neuron", "unstructured"],
            "controls": {"matched": 1, "flipped": True},
            "screen": ["stsb-dev"],
            "confirm": ["stsb", "align-dev", "uniform-dev"],
        },
    ],
    ids=["scorers", "slow", "dropout", "steps", "confirm"],
)
def test_a_run_gives_the_rows_and_keys_of_the_cpu(bench: Bench, tmp_path: Path, given: dict[str, Any]) -> None:
    there = run(bench, "auto", tmp_path / "there.db", **given)
    here = run(bench, "cpu", tmp_path / "here.db", **given)
    assert scores(there) == scores(here)
    assert {row.device for row in there.rows} == {"privateuseone:0"}
    assert {row.device for row in here.rows} == {"cpu"}
    assert there.about.devices == {"model": "privateuseone:0"}
    for ours, theirs in zip(there.rows, here.rows, strict=True):
        assert ours.score == pytest.approx(theirs.score, abs=1e-3)


@pytest.mark.usefixtures("pretend")
def test_results_of_two_devices_are_one_run_that_says_so(bench: Bench, tmp_path: Path) -> None:
    store = tmp_path / "one.db"
    here = run(bench, "cpu", store)
    again = run(bench, "auto", store)
    assert essence(again.rows) == essence(here.rows), "no result is computed twice"
    more = run(bench, "auto", store, sparsities=[0.25, 0.5])
    note = "The results are from different devices (cpu, privateuseone:0), and so differ by rounding."
    tables = [table for block in build(more).blocks for table in block.tables]
    assert tables
    assert all(note in table.notes for table in tables)
    assert not any("devices" in text for block in build(here).blocks for t in block.tables for text in t.notes)


@pytest.mark.usefixtures("pretend")
def test_studies_run_there(bench: Bench, tmp_path: Path) -> None:
    given = {"scorers": ["align"], "granularities": ["head"], "prevalence": {"confirm": ["stsb"]}}
    given["stability"] = {"calibration_seeds": [0, 1], "sizes": [8], "batch_sizes": [4]}
    found = []
    for device in ("auto", "cpu"):
        recipe = bench.recipe(device=device, statistics={"resamples": 200}, **given)
        job = prepare_job(recipe, Document("recipe", recipe.model_dump(mode="json", by_alias=True)))
        with Store(tmp_path / f"{device}.db") as opened:
            found.append((prevalence(job, opened), stability(job, opened)))
    (there, stable_there), (here, stable_here) = found
    assert (there.manifest["device"], here.manifest["device"]) == ("privateuseone:0", "cpu")
    assert [of.contributions for of in there.maps] == [
        pytest.approx(of.contributions, rel=1e-3, abs=1e-3) for of in here.maps
    ]
    assert [entry.seeds for entry in stable_there.stability] == [entry.seeds for entry in stable_here.stability]


@pytest.mark.parametrize("ways", [["prune-then-train"], ["gradual"], ["train-then-prune", "rewind"]])
def test_training_runs_there(bench: Bench, monkeypatch: pytest.MonkeyPatch, ways: list[str]) -> None:
    monkeypatch.setattr("ablate.plan.job.resolve_device", lambda _: PRETENDED)
    monkeypatch.setattr("ablate.engine.worker.resolve", lambda _: PRETENDED)
    train = {"batch_size": 8, "learning_rate": 0.001, "steps": 4, "evaluate_every": 2, "ways": ways}
    recipe = bench.recipe(train={**train, "gradual": {"prunings": 2}}, statistics={"resamples": 200}, scorers=["align"])
    with pretended_device(draws=True), Store(bench.store) as opened:
        job = prepare_training_job(recipe, Document("recipe", recipe.model_dump(mode="json", by_alias=True)))
        results = execute(job, opened, keep_going=False)
    assert not results.failed
    assert {row.way for row in results.rows} == {None, "train", *ways}
    assert {row.device for row in results.rows} == {"privateuseone:0"}
