"""Large models are loaded one at a time, and the run is the same."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ablate.coordinator.model_runs
from ablate.errors import ModelError
from ablate.models.load import load_model
from ablate.report.results import Results
from ablate.testing.tiny import save_tiny
from tests.bench import Bench, make_bench

MODELS = 3


class Loads:
    """How often models were loaded, and the most that there were when another one was."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = self.most = 0
        self._alive: list[weakref.ref[Any]] = []
        monkeypatch.setattr("ablate.coordinator.run.load_model", self)

    def __call__(self, *given: Any) -> Any:
        self.most = max(self.most, sum(one() is not None for one in self._alive))
        model = load_model(*given)
        self._alive.append(weakref.ref(model.backbone))
        self.count += 1
        return model


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def run(bench: Bench, store: str) -> Results:
    models = [str(save_tiny(bench.root / f"model {seed}", seed=seed)) for seed in range(MODELS)]
    return bench.run(bench.root / store, model=models, confirm=["stsb"], scorers=["magnitude", "random"])


def known(results: Results) -> list[Any]:
    return [replace(row, seconds=None) for row in results.rows]


def test_large_models_are_loaded_one_at_a_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    together = run(bench, "kept.db")
    notes = [event.text for event in bench.events if event.kind == "note"]
    bench.clear()
    monkeypatch.setattr(ablate.coordinator.model_runs, "KEPT_BYTES", 0)
    loads = Loads(monkeypatch)
    in_turn = run(bench, "in turn.db")
    assert loads.most == 0
    assert loads.count == MODELS * 3  # to know it, to screen, and to confirm
    assert known(in_turn) == known(together)
    assert (in_turn.about.hashes, in_turn.about.maps) == (together.about.hashes, together.about.maps)
    assert [event.text for event in bench.events if event.kind == "note"] == notes


def test_small_models_are_loaded_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = Loads(monkeypatch)
    run(bench, "kept.db")
    assert loads.count == MODELS


def test_models_stay_loaded_up_to_a_number_of_bytes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = Loads(monkeypatch)
    size = sum(p.nbytes for p in loads(bench.recipe().model[0]).network.parameters())
    monkeypatch.setattr(ablate.coordinator.model_runs, "KEPT_BYTES", 2 * size)
    loads.count = 0
    run(bench, "two.db")
    assert loads.count == MODELS + 2  # the third is loaded to screen and to confirm


def test_a_model_that_changes_during_the_run_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablate.coordinator.model_runs, "KEPT_BYTES", 0)
    other = str(save_tiny(bench.root / "other", seed=7))
    seen = set[str]()

    def changing(spec: Any, *rest: Any) -> Any:
        again = spec.name in seen
        seen.add(spec.name)
        return load_model(spec.model_copy(update={"name": other}) if again else spec, *rest)

    monkeypatch.setattr("ablate.coordinator.run.load_model", changing)
    with pytest.raises(ModelError, match="is not the one that the run began with"):
        run(bench, "changed.db")
