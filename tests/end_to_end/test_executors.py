"""Threads and spawned processes give exactly the rows that one process gives, whatever fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from ablate.data.items import ItemSet, Source
from ablate.errors import PluginError
from ablate.executors.base import Executor
from ablate.executors.in_process import InProcess
from ablate.granularities.head import Head
from ablate.models.model import Model
from ablate.plugins import Entry, registry
from ablate.record import Row
from ablate.report.results import Results
from ablate.store.store import Store
from ablate.testing import check_executor
from ablate.testing.evaluations import Failing
from tests.bench import Bench, make_bench, of
from tests.executors import parallel
from tests.executors.parallel import Pickled, Spawned, Threads

PARALLEL = [Threads, Spawned, Pickled]

GRID: dict[str, Any] = {
    "scorers": ["align", "uniform", "magnitude", "random"],
    "granularities": ["head", "neuron"],
    "sparsities": [0.25, 0.5],
    "steps": 2,
    "seeds": [0],
    "controls": {"matched": 2},
    "confirm": ["stsb"],
}

SLOW: dict[str, Any] = {
    "scorers": [
        {"scorer": "oracle", "on": "align"},
        {"scorer": "oracle", "on": "stsb-dev", "group": 3, "label": "grouped"},
        {"scorer": "align", "second_order": 0.25},
    ],
    "granularities": ["head", "neuron"],
    "sparsities": [0.25],
    "steps": 2,
    "controls": {"matched": 0},
}
"""Scorers that run the model, and passes of which one needs the other."""


class Broken(Failing):
    name: ClassVar[str] = "broken"
    split: ClassVar[str] = "test"

    def load(self, source: Source) -> ItemSet:
        return source.load("sickr")


class NoSuchParameter(Head):
    name: ClassVar[str] = "no-such-parameter"
    help: ClassVar[str] = "can be masked no model"

    def keep(self, model: Model, mask: Tensor) -> dict[str, Tensor]:
        return super().keep(model, mask) | {"no.such": torch.tensor(False)}


class Reversed(Executor):
    """Keeps its contract, which leaves the order open."""

    name: ClassVar[str] = "reversed"
    help: ClassVar[str] = "for tests"

    def map(self, work: Any, items: Any) -> Any:
        return map(work, reversed(list(items)))


class Twice(Executor):
    name: ClassVar[str] = "twice"
    help: ClassVar[str] = "for tests"

    def map(self, work: Any, items: Any) -> Any:
        for item in items:
            yield from [work(item)] * 2


class Lossy(Executor):
    name: ClassVar[str] = "lossy"
    help: ClassVar[str] = "for tests"

    def map(self, work: Any, items: Any) -> Any:
        return map(work, list(items)[:1])


class FailsItself(Executor):
    name: ClassVar[str] = "fails-itself"
    help: ClassVar[str] = "for tests"

    def map(self, work: Any, items: Any) -> Any:
        for item in items:
            yield work(item)
            raise RuntimeError("a worker was killed\nand more")


class GivesNothing(Executor):
    name: ClassVar[str] = "gives-nothing"
    help: ClassVar[str] = "for tests"

    def map(self, work: Any, items: Any) -> Any:  # noqa: ARG002
        for _ in items:
            yield None


class Forgets(Executor):
    name: ClassVar[str] = "forgets"
    help: ClassVar[str] = "for tests"

    def map(self, work: Any, items: Any) -> Any:
        for item in items:
            yield replace(work(item), results={})


class Adds(Executor):
    name: ClassVar[str] = "adds"
    help: ClassVar[str] = "for tests"

    def map(self, work: Any, items: Any) -> Any:
        for item in items:
            outcome = work(item)
            (result,) = outcome.results.values()
            yield replace(outcome, results={**outcome.results, "other": result})


BROKEN: dict[type[Executor], str] = {
    FailsItself: "executor 'fails-itself' failed: RuntimeError: a worker was killed and more",
    GivesNothing: "executor 'gives-nothing' returns a NoneType in place of an outcome",
    Forgets: "executor 'forgets' returns an outcome on no task for stsb-dev",
    Adds: "executor 'adds' returns an outcome on other, stsb-dev for stsb-dev",
}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    plugins: list[tuple[str, Any]] = [("executor", plugin) for plugin in (*PARALLEL, Reversed, Twice, Lossy, *BROKEN)]
    plugins += [("task", Broken), ("granularity", NoSuchParameter)]
    entries = [Entry(kind, plugin, "stranger 1.0") for kind, plugin in plugins]
    monkeypatch.setattr(registry(), "entries", [*registry().entries, *entries])
    return make_bench(tmp_path, monkeypatch)


def run(bench: Bench, executor: type[Executor], **given: Any) -> Results:
    return bench.run(store=bench.root / f"{executor.name}.db", executor=executor.name, **given)


def untimed(results: Results) -> list[Row]:
    return [replace(row, seconds=None) for row in results.rows]


@pytest.mark.parametrize("executor", PARALLEL)
def test_the_contract_is_kept(executor: type[Executor]) -> None:
    check_executor(executor)


def test_scorers_work_is_given_to_an_executor_that_takes_chunks(bench: Bench) -> None:
    Pickled.taken.clear()
    expected, results = run(bench, InProcess, **SLOW), run(bench, Pickled, **SLOW)
    assert untimed(results) == untimed(expected)
    # A pass for align and one for each second order, at each of two steps, for two granularities; and exact removal at
    # each step: of 4 heads in a layer one chunk, of 64 neurons and 22 groups of them several.
    assert Pickled.taken["Chunk"] >= 20
    assert Pickled.taken["Evaluation"] == len({row.cell for row in expected.rows})


@pytest.mark.parametrize("executor", [*PARALLEL, Reversed])
def test_the_rows_are_those_of_one_process(bench: Bench, executor: type[Executor]) -> None:
    """Masks of several steps are scored in this process while cells are evaluated, with the same model by threads."""
    expected, results = run(bench, InProcess, **GRID), run(bench, executor, **GRID)
    assert untimed(results) == untimed(expected)
    assert results.evidence == expected.evidence
    for count in ("computed", "cached", "failed"):
        assert getattr(results.about, count) == getattr(expected.about, count)
    with Store(bench.root / "in-process.db") as ours, Store(bench.root / f"{executor.name}.db") as theirs:
        keys = {row.result for row in expected.rows if row.result}
        for key, result in ours.get_results(keys).items():
            assert result.values is not None
            assert theirs.get_results([key])[key].values == pytest.approx(result.values, abs=0)


def test_a_recipe_sets_the_parameters_of_an_executor(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    pools: list[int] = []

    class Counted(ThreadPoolExecutor):
        def __init__(self, workers: int) -> None:
            pools.append(workers)
            super().__init__(workers)

    monkeypatch.setattr(parallel, "ThreadPoolExecutor", Counted)
    bench.run(store=bench.root / "two.db", executor={"name": "threads", "workers": 2}, **GRID)
    assert pools == [2, 2], "one pool for each stage"


@pytest.mark.parametrize("executor", PARALLEL)
def test_what_fails_has_the_reasons_that_it_has_in_one_process(bench: Bench, executor: type[Executor]) -> None:
    given: dict[str, Any] = {"granularities": ["head", "no-such-parameter"], "screen": ["stsb-dev", "broken"]}
    expected, results = run(bench, InProcess, **given), run(bench, executor, **given)
    assert untimed(results) == untimed(expected)
    assert {row.reason for row in of(results, task="broken", granularity="head")} == {
        "KeyError: 'broken on purpose' (plug-in stranger 1.0)"
    }
    (row,) = of(results, task="stsb-dev", granularity="no-such-parameter")
    assert str(row.reason).startswith("AttributeError: ")
    assert str(row.reason).endswith("(plug-in stranger 1.0)")
    assert [row.status for row in of(results, task="stsb-dev")] == ["ok", "ok", "failed"]


def test_fail_fast_raises_the_error_itself_in_threads_and_its_text_from_other_processes(bench: Bench) -> None:
    with pytest.raises(KeyError, match="broken on purpose") as raised:
        run(bench, Threads, screen=["broken"], keep_going=False)
    assert raised.value.__notes__ == ["(plug-in stranger 1.0)"]
    with pytest.raises(PluginError, match=r"^KeyError: 'broken on purpose' \(plug-in stranger 1\.0\)$"):
        run(bench, Spawned, screen=["broken"], keep_going=False)


def test_scorers_that_choose_the_same_units_share_one_evaluation_under_way(bench: Bench) -> None:
    scorers = [{"scorer": "align", "label": "a"}, {"scorer": "combined", "lambda": 1.0, "label": "b"}]
    dense, first, second = run(bench, Threads, scorers=scorers).rows
    assert (dense.cached, first.cached, second.cached) == (False, False, True)
    assert first.score == second.score != dense.score
    assert bench.encodes == 2


def test_a_cell_that_waits_for_one_that_fails_has_its_reason(bench: Bench) -> None:
    scorers = [{"scorer": "align", "label": "a"}, {"scorer": "combined", "lambda": 1.0, "label": "b"}]
    results = run(bench, Threads, scorers=scorers, screen=["broken"])
    _, first, second = results.rows
    assert first.reason == second.reason == "KeyError: 'broken on purpose' (plug-in stranger 1.0)"
    assert results.about.failed == 3


@pytest.mark.parametrize("executor", BROKEN)
def test_an_executor_that_breaks_its_contract_is_named_in_one_line(bench: Bench, executor: type[Executor]) -> None:
    with pytest.raises(PluginError) as caught:
        run(bench, executor)
    assert str(caught.value) == f"{BROKEN[executor]} (plug-in stranger 1.0)"


@pytest.mark.parametrize(("executor", "told"), [(Twice, "not under way"), (Lossy, "fewer outcomes")])
def test_an_executor_that_repeats_or_loses_outcomes_ends_the_run(
    bench: Bench, executor: type[Executor], told: str
) -> None:
    with pytest.raises(PluginError, match=rf"executor '{executor.name}' returns .*{told}.* \(plug-in stranger 1\.0\)"):
        run(bench, executor, sparsities=[0.25, 0.5])
