"""Several processes that run one recipe on one store share its cells, and what ends a process is not begun again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ablate.coordinator.others import DEADLY
from ablate.store.store import Store
from ablate.testing.tiny import save_tiny

RECIPE = """
model: model
data: embedded
calibration: {pairs: 32, sentences: 32, batch_size: 16}
scorers: [align, random]
granularities: [neuron]
sparsities: [0.1, 0.2, 0.3]
seeds: [0, 1]
controls: {matched: 2}
screen: [synthetic-dev]
confirm: [synthetic]
"""

PROGRAM = """
import os, sys
import ablate
from ablate.engine import evaluate as module
kill_in = sys.argv[1] if len(sys.argv) > 1 else None
measured = module._measured
def counted(evaluation, *others):
    if kill_in and any(wanted.name == "synthetic-dev" for wanted in evaluation.tasks) and len(evaluation.mask) == 1:
        open(kill_in, "a").write(evaluation.cell + chr(10))
        os._exit(9)
    return measured(evaluation, *others)
module._measured = counted
results = ablate.run("recipe.yaml", store="s.db")
print(results.about.computed, results.about.failed)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_tiny(tmp_path / "model")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path


def begin(folder: Path, *arguments: str, store: str = "s.db") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.replace("s.db", store), *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def counts(process: subprocess.Popen[str]) -> tuple[int, int]:
    """How many cells a process computed, and how many failed."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    computed, failed = out.split()
    return int(computed), int(failed)


def rows(store: Path) -> list[list[dict[str, Any]]]:
    """The rows of each run, without what differs by who computed them."""
    with Store(store, create=False) as opened:
        runs = [opened.rows(run) for run in opened.run_ids()]
    return [[{k: v for k, v in row.items() if k not in ("cached", "seconds")} for row in of_run] for of_run in runs]


def test_two_processes_compute_each_cell_once_and_have_the_same_rows(folder: Path) -> None:
    alone, none = counts(begin(folder, store="alone.db"))
    together = [counts(one) for one in [begin(folder) for _ in range(2)]]
    assert none == 0
    assert sum(computed for computed, _ in together) == alone
    (expected,) = rows(folder / "alone.db")
    assert rows(folder / "s.db") == [expected] * 2


@pytest.mark.slow
def test_the_cells_of_a_killed_process_are_taken_over_at_once(folder: Path) -> None:
    first, second = begin(folder), begin(folder)
    while not (folder / "s.db").exists():
        time.sleep(0.05)
    time.sleep(4)
    first.kill()
    first.wait()
    start = time.monotonic()
    counts(second)
    assert time.monotonic() - start < 60
    counts(begin(folder, store="alone.db"))
    assert rows(folder / "s.db")[-1] == rows(folder / "alone.db")[0]


@pytest.mark.slow
def test_a_cell_that_ended_its_process_twice_fails_and_the_others_go_on(folder: Path) -> None:
    log = folder / "ended"
    for _ in range(DEADLY):
        assert begin(folder, str(log)).wait() == 9
    first, *others = log.read_text().split()
    assert others == [first] * (DEADLY - 1)
    computed, failed = counts(begin(folder))
    assert failed == 1
    assert computed > 5
    (row,) = [row for row in rows(folder / "s.db")[-1] if row["status"] == "failed"]
    assert "the process ended 2 times while it evaluated this cell; `--jobs 1` isolates it" in json.dumps(row)
