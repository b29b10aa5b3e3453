"""Cells with trained weights, wherever they are evaluated: the weights come from a file, and never from a damaged one."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ablate.coordinator.run import execute
from ablate.executors.base import Executor
from ablate.executors.in_process import InProcess
from ablate.plan.training import prepare_training_job
from ablate.plugins import Entry, registry
from ablate.recipe.document import Document
from ablate.record import Row
from ablate.report.results import Results
from ablate.store.store import Store
from tests.bench import Bench, make_bench
from tests.executors.parallel import Spawned, Threads

TRAIN = {"batch_size": 8, "learning_rate": 0.001, "evaluate_every": 8, "ways": ["prune-then-train", "train-then-prune"]}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    entries = [Entry("executor", executor, "stranger 1.0") for executor in (Threads, Spawned)]
    monkeypatch.setattr(registry(), "entries", [*registry().entries, *entries])
    return make_bench(tmp_path, monkeypatch)


def trained(bench: Bench, executor: type[Executor] = InProcess) -> Results:
    recipe = bench.recipe(train=TRAIN, statistics={"resamples": 200}, executor=executor.name)
    job = prepare_training_job(recipe, Document("recipe", recipe.model_dump(mode="json", by_alias=True)))
    with Store(bench.store) as opened:
        return Results.of(execute(job, opened, watch=bench.watch))


def forget_results(bench: Bench) -> None:
    with closing(sqlite3.connect(bench.store)) as connection, connection:
        connection.execute("DELETE FROM ablate_results")


def untimed(results: Results) -> list[Row]:
    return [replace(row, seconds=None) for row in results.rows]


def test_every_executor_evaluates_the_weights_that_were_trained(bench: Bench) -> None:
    expected = trained(bench)
    assert [row.status for row in expected.rows] == ["ok"] * 4
    assert len({row.score for row in expected.rows}) == 4
    for executor in (Threads, Spawned):
        forget_results(bench)
        bench.clear()
        assert untimed(trained(bench, executor)) == untimed(expected)
        assert not [event for event in bench.events if event.kind == "fit"]


@pytest.mark.parametrize(("executor", "failures"), [(InProcess, 1), (Threads, 2)])
def test_damaged_weights_fail_and_are_trained_again(bench: Bench, executor: type[Executor], failures: int) -> None:
    expected = trained(bench)
    with Store(bench.store) as store:
        about = store.mask_about(store.mask_keys(expected.rows[-1].key)[0])
        assert about is not None
        file = store.trained_file(about["trained"])
    assert file is not None
    shutil.copyfile(file.path, bench.root / "whole")
    file.path.write_bytes(file.path.read_bytes()[:-1])
    forget_results(bench)
    with pytest.warns(RuntimeWarning, match="it will be computed again"):
        results = trained(bench, executor)
    failed = [row for row in results.rows if row.status == "failed"]
    assert {row.reason for row in failed} == {
        f"StoreError: {file.path}: the trained weights are cut short or altered; run `ablate train` again"
    }
    # Two cells have these weights. In one process the first that fails has them trained again for the second.
    assert len(failed) == failures
    again = trained(bench, executor)
    assert [row.score for row in again.rows] == [row.score for row in expected.rows]
    assert file.path.read_bytes() == (bench.root / "whole").read_bytes()
