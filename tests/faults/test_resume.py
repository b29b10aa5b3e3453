"""A run that was broken off goes on where it stopped, computes nothing twice, and ends as if it had not been."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import ablate.coordinator.others
from ablate.models.encode import encode
from ablate.store.store import Store
from tests.bench import Bench, essence, make_bench

pytestmark = pytest.mark.faults

GRID: dict[str, Any] = {
    "scorers": ["align", "uniform", "magnitude", "random"],
    "granularities": ["head", "neuron"],
    "sparsities": [0.25, 0.5],
    "steps": 2,
    "controls": {"matched": 1},
    "confirm": ["stsb", "sickr"],
}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def interrupt(bench: Bench, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Runs the grid until a real SIGINT, sent while cell number ``after`` (from 0) is encoded."""

    def interrupted(*args: Any) -> Any:
        if bench.encodes == after:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        bench.encodes += 1
        return encode(*args)

    with monkeypatch.context() as patch:
        patch.setattr("ablate.engine.lower_layers.encode", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bench.run(**GRID)
    assert bench.encodes == after


@pytest.mark.parametrize("after", [0, 9, 17, 25])
def test_after_an_interrupt_the_same_command_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    whole = bench.run(store=bench.root / "whole.db", **GRID)
    encodes, passes = bench.encodes, sorted(bench.passes)
    assert encodes > 25
    bench.clear()
    interrupt(bench, monkeypatch, after)
    results = bench.run(**GRID)
    assert bench.encodes == encodes
    assert sorted(bench.passes) == passes
    assert essence(results.rows) == essence(whole.rows)
    with Store(bench.store) as store:
        before, now = store.runs()
        assert (before.rows > 0) == (before.choice is not None) == (after >= 17)
        assert now.rows == len(results)


def test_an_interrupted_pass_is_the_only_one_repeated(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {"scorers": ["align", "uniform"], "granularities": ["head", "neuron"]}

    def interrupted(event: Any) -> None:
        bench.events.append(event)
        if "uniform" in event.text:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)

    with monkeypatch.context() as patch:
        patch.setattr(bench, "watch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bench.run(**given)
    assert bench.passes == ["pass: gradient of align", "pass: gradient of uniform"]
    bench.clear()
    bench.run(**given)
    assert bench.passes == ["pass: gradient of uniform"]


def test_the_same_command_again_computes_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bench.run(**GRID)
    bench.clear()

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("computed again")

    for computed in (
        "engine.evaluator.prepare",
        "coordinator.contribution_maker.collect",
        "coordinator.contribution_maker.score",
        "engine.prune.select",
    ):
        monkeypatch.setattr(f"ablate.{computed}", refuse)
    second = bench.run(**GRID)
    assert (second.about.computed, second.about.failed) == (0, 0)
    assert second.about.cached == first.about.cached + first.about.computed
    assert (bench.encodes, bench.passes) == (0, [])
    assert all(row.cached for row in second.rows)
    assert essence(second.rows) == essence(first.rows)
    assert [row.seconds for row in second.rows] == [row.seconds for row in first.rows]


def test_more_cells_and_tasks_cost_only_what_is_new(bench: Bench) -> None:
    bench.run(scorers=["align"], sparsities=[0.25])
    bench.clear()
    results = bench.run(scorers=["align"], sparsities=[0.25, 0.5], screen=["stsb-dev", "sickr-dev"])
    assert bench.passes == []
    assert bench.encodes == 3
    assert results.about.computed == 3


def command(bench: Bench, *more: str) -> list[str]:
    recipe = bench.root / "recipe.yaml"
    recipe.write_text(json.dumps(bench.tree(**GRID)))
    return ["run", str(recipe), "--store", str(bench.store), "--format", "json", *more]


def dying(bench: Bench, after: int, how: signal.Signals) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, which sends itself a signal while cell ``after`` is encoded."""
    code = f"""
import os, sys, time
import ablate.engine.lower_layers
from ablate.cli import main
from ablate.models.encode import encode

done = 0

def dying(*args):
    global done
    if done == {after}:
        os.kill(os.getpid(), {int(how)})
        time.sleep(5)
    done += 1
    return encode(*args)

ablate.engine.lower_layers.encode = dying
sys.argv[0] = "ablate"
main()
"""
    return subprocess.run([sys.executable, "-c", code, *command(bench)], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_loses_the_cell_under_way_alone(bench: Bench, how: signal.Signals) -> None:
    whole = bench.run(store=bench.root / "whole.db", **GRID)
    encodes, passes = bench.encodes, sorted(bench.passes)
    done = dying(bench, 11, how)
    assert done.stdout == ""
    if how is signal.SIGKILL:
        assert done.returncode == -signal.SIGKILL
    else:
        assert done.returncode == 130
        assert done.stderr.splitlines()[-1].startswith("ablate: interrupted; finished work is stored")
    bench.clear()
    results = bench.run(**GRID)
    assert bench.encodes == encodes - 11
    # The first scores of all cells are stored before the first cell; of the later ones, those of the cells begun.
    assert len(bench.passes) < len(passes) - 2
    assert essence(results.rows) == essence(whole.rows)


@pytest.mark.slow
def test_killed_again_and_again_at_any_moment_it_still_arrives(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bench.run(store=bench.root / "whole.db", **GRID)
    rng = random.Random(0)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-m", "ablate", *command(bench)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(rng.uniform(4, 9))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
    # Kills from outside cannot be told from a cell that ends its process.
    monkeypatch.setattr(ablate.coordinator.others, "DEADLY", 10**6)
    assert essence(bench.run(**GRID).rows) == essence(whole.rows)
