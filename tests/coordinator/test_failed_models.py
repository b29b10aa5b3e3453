"""A model that fails costs no other model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ablate.coordinator.all_stages
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.stages import confirm
from ablate.errors import AblateError, ModelError, StoreError
from ablate.report.results import Results
from ablate.store.store import Store
from ablate.testing.tiny import save_tiny
from tests.bench import Bench, essence, make_bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = make_bench(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    save_tiny(tmp_path / "other", seed=1)
    save_tiny(tmp_path / "broken", seed=2)
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"\0" * 100)
    return made


def run(bench: Bench, *models: str, **given: Any) -> Results:
    return bench.run(**{"model": list(models), "confirm": ["stsb"], "controls": {"matched": 2}} | given)


def fails(monkeypatch: pytest.MonkeyPatch, error: BaseException, *models: str) -> None:
    """From now on the confirmation of these models raises the error."""

    def failing(job: Any, model_run: ModelRun, *rest: Any) -> Any:
        if model_run.model.name in models:
            raise error
        return confirm(job, model_run, *rest)

    monkeypatch.setattr(ablate.coordinator.all_stages, "confirm", failing)


def test_the_others_have_the_rows_that_they_have_without_it(bench: Bench) -> None:
    results = run(bench, "broken", "model", "other")
    assert list(results.about.failed_models or {}) == ["broken"]
    assert results.any_failed
    assert not results.failed
    notes = [event.text for event in bench.events if "failed" in event.text]
    assert notes[0].startswith("model 'broken' failed, and the run goes on without it: ")
    assert essence(run(bench, "model", "other").rows) == essence(results.rows)
    with Store(bench.store) as store:
        assert store.about(results.about.run)["failed_models"] == results.about.failed_models


@pytest.mark.parametrize("error", [ModelError("gone"), RuntimeError("out of memory"), MemoryError("full")])
def test_a_failure_halfway_keeps_what_the_model_has(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    fails(monkeypatch, error, "model")
    results = run(bench, "model", "other")
    assert str(error) in (results.about.failed_models or {})["model"]
    stages = {(row.model, row.stage) for row in results.rows}
    assert stages == {("model", "screen"), ("other", "screen"), ("other", "confirm")}
    assert results.about.over_models is not None
    assert [line.reason for line in results.about.over_models.lines if line.model == "model"] == [
        f"failed: {(results.about.failed_models or {})['model']}"
    ]


def test_if_all_models_fail_the_error_is_raised(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, ModelError("gone"), "model", "other")
    with pytest.raises(ModelError, match="gone"):
        run(bench, "model", "other")
    with pytest.raises(AblateError):
        run(bench, "broken")


def test_an_error_of_the_store_or_a_bug_ends_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (StoreError("full"), KeyError("a bug")):
        fails(monkeypatch, error, "model")
        with pytest.raises(type(error)):
            run(bench, "model", "other")


def test_without_going_on_the_first_failure_is_raised(bench: Bench) -> None:
    with pytest.raises(AblateError, match="broken"):
        run(bench, "model", "broken", keep_going=False)
