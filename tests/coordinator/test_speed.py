"""How fast this machine is: what the store has recorded, and probes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ablate.coordinator.run import prepare_model_run
from ablate.coordinator.speed import resampling, speed
from ablate.coordinator.tokens import task_tokens
from ablate.errors import Undefined
from ablate.events import silent
from ablate.statistics.resample import CHUNK, Joint
from ablate.store.store import Store
from ablate.tasks.loaded import at_dims
from ablate.tasks.result import Result
from ablate.timing import Timings
from tests.bench import Bench, make_bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def test_the_median_of_the_recorded_times_on_a_device_like_this_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bench.job(screen=["sts-dev", "geometry"])
    tasks = job.load(job.tasks.screen)
    with Store(bench.store) as store:
        model_run = prepare_model_run(job, job.recipe.model[0], store, Timings(), silent)
        tokens = task_tokens(model_run, tasks)
        monkeypatch.setattr("ablate.coordinator.speed.probed", lambda *_: 0.25)
        probed = speed(model_run, [{}], tasks)
        assert (probed.token, probed.cells) == (0.25, 0)

        def results(seconds: float, device: str = "cpu") -> dict[str, Result]:
            one = Result("ok", None, 1.0, None, seconds / len(tasks), {"device": device})
            # At dimensions too, which have one encoding together.
            return {task.name: one for task in at_dims(tasks, [2])}

        part = results(1e6)
        del part[tasks[1].name]
        found = [results(10), results(30), results(20), part, results(1e6, "NVIDIA H100")]
        recorded = speed(model_run, found, tasks)
    assert recorded.cells == 3
    assert recorded.token == pytest.approx(20 / tokens)


def test_resampling_is_charged_to_each_draw_of_each_item(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (task,) = bench.job().load(bench.job().tasks.screen)
    times = iter([0.0, 8.0, 13.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    found = resampling([task])
    assert found is not None
    # The bootstrap is of eight results.
    assert found.bootstrap == pytest.approx(1 / CHUNK / len(task.data))
    assert found.swaps == pytest.approx(5 / CHUNK / len(task.data))


def test_without_a_task_whose_values_can_be_resampled_nothing_is_known(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (task,) = bench.job().load(bench.job().tasks.screen)
    assert resampling([]) is None

    def fails(*_: Any) -> None:
        raise Undefined("no such statistic")

    monkeypatch.setattr(Joint, "bootstrap", fails)
    assert resampling([task]) is None
