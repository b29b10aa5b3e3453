"""``evaluate``: from plain data to results, with what a process has loaded, and never for another model or data."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

import ablate.engine.worker
from ablate.engine.evaluate import evaluate
from ablate.engine.evaluator import Evaluator
from ablate.engine.worker import THIS_PROCESS
from ablate.executors.base import Evaluated, Evaluation, Failure, PackedMask, TaskToMeasure
from ablate.granularities.head import Head
from ablate.models.load import load_model
from ablate.models.masked import merge
from ablate.models.spec import ModelSpec
from ablate.models.weights import weighted
from ablate.models.weights_file import WeightsFile
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded
from ablate.tasks.sts import STS_TASKS, Sts
from ablate.testing.evaluations import sample_evaluations
from ablate.testing.samples import EmptySource, SampleSource
from ablate.testing.tiny import save_tiny
from tests.bench import make_bench


@pytest.fixture
def evaluations(tmp_path: Path) -> Iterator[list[Evaluation]]:
    THIS_PROCESS.clear()
    yield sample_evaluations(tmp_path)
    THIS_PROCESS.clear()


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a process loads for its evaluations: models by folder, data by name."""
    done: list[str] = []

    def load(spec: ModelSpec, *device: Any) -> Any:
        done.append(Path(spec.name).name)
        return load_model(spec, *device)

    read = SampleSource.load

    def load_data(self: SampleSource, name: str) -> Any:
        done.append(name)
        return read(self, name)

    monkeypatch.setattr(ablate.engine.worker, "load_model", load)
    monkeypatch.setattr(SampleSource, "load", load_data)
    return done


def loaded(evaluation: Evaluation) -> list[Loaded]:
    data = ((wanted.task, wanted.task.load(evaluation.source)) for wanted in evaluation.tasks)
    return [Loaded(task, data, np.ones(len(data), bool)) for task, data in data]


class Nameless(Sts):
    """A stranger's task that cannot say what it is."""

    name = "nameless"
    split = "dev"
    help = "raises where it is asked for its identity"

    def identity(self) -> dict[str, Any]:
        raise RuntimeError("no identity")


def test_a_task_without_an_identity_does_not_end_the_run(evaluations: list[Evaluation], loads: list[str]) -> None:
    evaluation = evaluations[1]
    evaluator, tasks = Evaluator(load_model(evaluation.model)), loaded(evaluation)
    loads.clear()
    with THIS_PROCESS.borrowing(
        evaluation.model, evaluator, [replace(tasks[0], task=Nameless()), *tasks], evaluation.source
    ):
        assert "sts12" in evaluate(evaluation).results
    assert loads == [], "the other tasks' data are lent all the same"


def test_the_results_are_those_of_the_masked_model(evaluations: list[Evaluation]) -> None:
    evaluator = Evaluator(load_model(evaluations[0].model))
    tasks = loaded(evaluations[0])[:2]
    seen = set[bytes]()
    for evaluation in evaluations:
        parts = [part.granularity.keep(evaluator.model, torch.from_numpy(part.unpacked())) for part in evaluation.mask]
        expected, given = evaluator.evaluate(merge(parts), tasks), evaluate(evaluation)
        assert given.cell == evaluation.cell
        assert given.seconds > 0
        assert list(given.results) == list(expected) == ["sts12", "uniform-dev"]
        for name, result in expected.items():
            other = given.results[name]
            assert result.values is not None
            assert other.values is not None
            assert (other.status, other.score, other.about) == (result.status, result.score, result.about)
            assert other.values.tobytes() == result.values.tobytes()
            seen.add(other.values.tobytes())
        assert given.failures == {"failing": Failure("KeyError: 'broken on purpose'", "task")}
    assert len(seen) == 2 * len(evaluations), "every mask gives other values"


def test_a_process_loads_the_model_and_the_data_once(evaluations: list[Evaluation], loads: list[str]) -> None:
    for evaluation in evaluations * 2:
        evaluate(pickle.loads(pickle.dumps(evaluation)))
    assert loads == ["model", "sts12", "sample-dev", "failing"]
    THIS_PROCESS.clear()
    evaluate(evaluations[0])
    assert len(loads) == 8


def test_a_process_keeps_the_last_model_alone(evaluations: list[Evaluation], loads: list[str], tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    (other, *_) = sample_evaluations(tmp_path / "second")
    loads.clear()
    for evaluation in (evaluations[0], other, evaluations[0]):
        assert set(evaluate(evaluation).results) == {"sts12", "uniform-dev"}
    assert loads.count("model") == 3


def test_what_a_coordinator_lends_is_used_and_given_back(evaluations: list[Evaluation], loads: list[str]) -> None:
    evaluation = evaluations[1]
    evaluator, tasks = Evaluator(load_model(evaluation.model)), loaded(evaluation)
    loads.clear()
    with THIS_PROCESS.borrowing(evaluation.model, evaluator, tasks, evaluation.source):
        first = evaluate(evaluation)
        evaluate(evaluations[2])
    assert loads == []
    assert len(evaluator._prepared) == 1
    second = evaluate(evaluation)
    assert len(loads) == 4, "what was lent is gone"
    assert first.results["sts12"].score == second.results["sts12"].score


def test_what_is_lent_serves_no_other_model_and_no_other_data(evaluations: list[Evaluation], loads: list[str]) -> None:
    evaluation = evaluations[1]
    other = Evaluator(replace(load_model(evaluation.model), hash="another"))
    with THIS_PROCESS.borrowing(evaluation.model, other, [], evaluation.source):
        assert set(evaluate(evaluation).results) == {"sts12", "uniform-dev"}
    assert loads.count("model") == 1


def test_a_run_loads_its_model_once_and_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = make_bench(tmp_path, monkeypatch)
    loads = list[str]()

    def counted(spec: ModelSpec, *device: Any) -> Any:
        loads.append(spec.name)
        return load_model(spec, *device)

    for module in ("coordinator.run", "engine.worker"):
        monkeypatch.setattr(f"ablate.{module}.load_model", counted)
    monkeypatch.setattr("ablate.engine.worker._load", lambda *_: pytest.fail("data are read a second time"))
    bench.run(confirm=["stsb"])
    assert loads == [str(bench.model)]
    assert (THIS_PROCESS._lent, THIS_PROCESS._loaded, THIS_PROCESS._tasks, THIS_PROCESS._weights) == (
        [],
        None,
        {},
        None,
    )


def the_failure(evaluation: Evaluation) -> Failure:
    """Why none of an evaluation's tasks has a result."""
    outcome = evaluate(evaluation)
    assert outcome.results == {}
    (failure,) = {f.reason: f for name, f in outcome.failures.items() if name != "failing"}.values()
    assert "\n" not in failure.reason
    return failure


def test_another_model_in_its_place_is_refused(evaluations: list[Evaluation], tmp_path: Path) -> None:
    evaluate(evaluations[0])
    save_tiny(tmp_path / "model", seed=1)
    assert set(evaluate(evaluations[0]).results) == {"sts12", "uniform-dev"}, "what is loaded is still the right one"
    THIS_PROCESS.clear()
    failure = the_failure(evaluations[0])
    assert failure.culprit == "place"
    assert failure.reason.startswith(f"ModelError: model '{tmp_path}/model' is not the one that the run began with (")


def test_another_encoding_is_refused(evaluations: list[Evaluation]) -> None:
    wrong = replace(evaluations[0], encoding=replace(evaluations[0].encoding, prompt="query: "))
    assert "is not the one that the run began with" in the_failure(wrong).reason


def test_a_model_that_is_gone_is_the_reason(evaluations: list[Evaluation]) -> None:
    gone = replace(evaluations[0], model=ModelSpec(name="/no/such/folder"))
    assert the_failure(gone).reason.startswith("ModelError: model '/no/such/folder'")


def test_other_data_are_refused(evaluations: list[Evaluation]) -> None:
    wrong = replace(evaluations[0].tasks[0], data_hash="0" * 64)
    outcome = evaluate(replace(evaluations[0], tasks=(wrong, evaluations[0].tasks[1])))
    assert list(outcome.results) == ["uniform-dev"]
    (failure,) = outcome.failures.values()
    assert failure.culprit == "data"
    assert failure.reason.startswith(
        "DataError: the data of task 'sts12' are not those that the run began with (00000000"
    )


def test_data_that_are_absent_or_cannot_be_read_cost_their_task_alone(evaluations: list[Evaluation]) -> None:
    absent = replace(evaluations[0], source=EmptySource())
    assert {f.reason for f in evaluate(absent).failures.values()} == {
        "DataError: 'sample (for tests)' lacks 'sts12'",
        "DataError: 'sample (for tests)' lacks 'sample-dev'",
        "DataError: 'sample (for tests)' lacks 'failing'",
    }
    unread = replace(evaluations[0], tasks=(TaskToMeasure(Unread(), 1, ""), evaluations[0].tasks[0]))
    outcome = evaluate(unread)
    assert list(outcome.results) == ["sts12"]
    assert outcome.failures["unread"].reason == "task 'unread' cannot read its items: OSError: no file"


class Unread(Sts):
    name = "unread"
    help = "for tests"
    split = "dev"

    def load(self, source: Any) -> Any:  # noqa: ARG002
        raise OSError("no\nfile")


def test_plug_ins_of_another_version_are_refused(evaluations: list[Evaluation]) -> None:
    evaluation = evaluations[1]
    task = replace(evaluation.tasks[0], version=7)
    outcome = evaluate(replace(evaluation, tasks=(task,)))
    assert outcome.failures["sts12"].reason == (
        "task 'sts12' is of version 1 where it is evaluated and of version 7 in the coordinator; install the same "
        "packages in both"
    )
    mask = (replace(evaluation.mask[0], version=2),)
    failure = the_failure(replace(evaluation, mask=mask))
    assert failure.culprit == "mask"
    assert failure.reason.startswith("granularity 'head' is of version 1 where it is evaluated and of version 2")


def test_a_granularity_that_fails_costs_every_task(
    evaluations: list[Evaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*_: Any) -> Any:
        raise SystemExit("no\nmask")

    monkeypatch.setattr(Head, "keep", raises)
    failure = the_failure(evaluations[1])
    assert (failure.reason, failure.culprit) == ("SystemExit: no mask", "mask")


def stored_weights(folder: Path, evaluation: Evaluation) -> tuple[WeightsFile, dict[str, torch.Tensor]]:
    model = load_model(evaluation.model)
    weights = {name: p.detach() * 1.5 for name, p in model.backbone.named_parameters()}
    with Store(folder / "ablate.db") as store:
        store.put_trained("trained", {name: tensor.numpy() for name, tensor in weights.items()}, {})
        file = store.trained_file("trained")
        assert store.trained_file("other") is None
    assert file is not None
    return file, weights


def test_trained_weights_come_from_their_file(evaluations: list[Evaluation], tmp_path: Path) -> None:
    file, weights = stored_weights(tmp_path, evaluations[1])
    evaluator, evaluation = Evaluator(load_model(evaluations[1].model)), replace(evaluations[1], weights=file)
    (head,) = evaluation.mask
    with weighted(evaluator.model, weights):
        keep = head.granularity.keep(evaluator.model, torch.from_numpy(head.unpacked()))
        expected = evaluator.evaluate(keep, loaded(evaluation)[:2])
    given = evaluate(pickle.loads(pickle.dumps(evaluation)))
    assert {name: r.score for name, r in given.results.items()} == {name: r.score for name, r in expected.items()}
    assert given.results["sts12"].score != evaluate(evaluations[1]).results["sts12"].score


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_damaged_weights_are_refused(evaluations: list[Evaluation], tmp_path: Path, damage: str) -> None:
    file, weights = stored_weights(tmp_path, evaluations[0])
    if damage == "altered":
        other = {str(i): tensor + 1 for i, tensor in enumerate(weights.values())}
        file.path.write_bytes(safetensors.torch.save(other))
    else:
        file.path.unlink()
    failure = the_failure(replace(evaluations[0], weights=file))
    assert failure.culprit == "other"
    told = "cut short or altered; run `ablate train` again" if damage == "altered" else "cannot be read (No such file"
    assert failure.reason.startswith(f"StoreError: {file.path}: the trained weights ")
    assert told in failure.reason


def test_an_error_stays_in_the_process_that_raised_it() -> None:
    class Odd(Exception):  # could not be pickled
        pass

    failure = Failure.of(Odd("here"), "task")
    outcome = Evaluated("cell", {}, {"task": failure}, 0.0)
    assert isinstance(outcome.failures["task"].error, Odd)
    there: Evaluated = pickle.loads(pickle.dumps(outcome))
    assert there == outcome
    assert there.failures["task"].error is None


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_a_mask_is_unpacked_as_it_was(bits: list[bool]) -> None:
    packed = PackedMask.of(Head(), np.array(bits))
    assert len(packed.bits) == -(-len(bits) // 8)
    assert packed.unpacked().dtype == np.bool_
    assert packed.unpacked().tolist() == bits


def test_every_built_in_task_can_be_pickled() -> None:
    from ablate.plugins import registry

    tasks: list[Any] = [entry.plugin() for entry in registry().of_kind("task") if entry.built_in]
    assert len(tasks) > len(STS_TASKS)
    assert pickle.loads(pickle.dumps(tasks)) == tasks


def test_evaluating_needs_no_database() -> None:
    code = "import sys, ablate.engine.evaluate; print([m for m in sys.modules if m in ('sqlalchemy', 'ablate.store.store')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
