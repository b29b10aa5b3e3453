"""Processes that end cost at most their own cells; see also tests/end_to_end/test_executors.py."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ablate.executors.base import Evaluated, Evaluation, TaskToMeasure
from ablate.executors.processes import ATTEMPTS, Processes
from ablate.models.model import Encoding
from ablate.models.spec import ModelSpec
from ablate.tasks.sts import STS_TASKS
from ablate.testing import check_executor
from ablate.testing.samples import SampleSource


def item(cell: str) -> Evaluation:
    tasks = (TaskToMeasure(STS_TASKS[0](), 1, ""),)
    return Evaluation(cell, ModelSpec(name="none"), "", Encoding("mean", "", 8), (), tasks, SampleSource())


def pid(evaluation: Evaluation) -> Evaluated:
    return Evaluated(evaluation.cell, {}, {}, float(os.getpid()))


def exits(evaluation: Evaluation) -> Evaluated:
    if evaluation.cell == "3":
        os._exit(7)
    return pid(evaluation)


def segfaults(evaluation: Evaluation) -> Evaluated:
    if evaluation.cell == "3":
        ctypes.string_at(0)
    return pid(evaluation)


def dies_once(evaluation: Evaluation) -> Evaluated:
    """Is killed the first time that it works on the file whose name is the cell."""
    path = Path(evaluation.cell)
    if not path.exists():
        path.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return pid(evaluation)


def prints(evaluation: Evaluation) -> Evaluated:
    print("from Python")
    sys.stdout.flush()
    os.write(1, b"from C\n")
    return pid(evaluation)


@pytest.fixture(scope="module")
def running() -> Iterator[Processes]:
    executor = Processes(jobs=2)
    with executor.running():
        yield executor


def test_the_contract_is_kept() -> None:
    # One process, because each contract starts them anew. What several do is below, and in test_executors.py.
    check_executor(Processes, jobs=1)


@pytest.mark.parametrize(
    ("work", "cause"),
    [
        pytest.param(exits, "ended with status 7", marks=pytest.mark.slow),
        (segfaults, "was ended by SIGSEGV"),
    ],
)
def test_a_cell_that_ends_its_process_is_lost_and_no_other(
    running: Processes, work: Callable[[Evaluation], Evaluated], cause: str
) -> None:
    outcomes = {one.cell: one for one in running.map(work, map(item, "0123456"))}
    assert set(outcomes) == set("0123456")
    lost = outcomes.pop("3")
    assert [failure.reason for failure in lost.failures.values()] == [f"its process {cause}, {ATTEMPTS} times"]
    assert list(lost.failures) == ["sts12"]
    assert all(not one.failures for one in outcomes.values())


@pytest.mark.slow
def test_a_cell_whose_process_is_killed_once_is_tried_again(running: Processes, tmp_path: Path) -> None:
    cells = [str(tmp_path / name) for name in "abc"]
    outcomes = list(running.map(dies_once, map(item, cells)))
    assert sorted(one.cell for one in outcomes) == cells
    assert not any(one.failures for one in outcomes)


@pytest.mark.slow
def test_a_process_that_is_killed_between_two_stages_is_started_anew() -> None:
    executor = Processes(jobs=1)
    with executor.running():
        (first,) = executor.map(pid, [item("0")])
        psutil.Process(int(first.seconds)).kill()
        (second,) = executor.map(pid, [item("1")])
        assert second.seconds != first.seconds
        assert [one.seconds for one in executor.map(pid, [item("2")])] == [second.seconds], "one process for all stages"
    assert not psutil.pid_exists(int(second.seconds))


def test_items_that_are_not_taken_are_not_made(running: Processes) -> None:
    made: list[str] = []

    def items() -> Iterator[Evaluation]:
        for number in range(100):
            made.append(str(number))
            yield item(str(number))

    outcomes = running.map(pid, items())
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert len(made) <= 4, "one for each process, and one more, and one for the outcome that was taken"


def test_what_a_cell_prints_does_not_reach_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    list(Processes(jobs=1).map(prints, [item("0")]))
    out, err = capfd.readouterr()
    assert out == ""
    assert "from Python" in err
    assert "from C" in err


def test_what_crashes_while_an_item_is_made_does_not_count_against_other_items(running: Processes) -> None:
    """A scorer's chunks are worked on while cells are: by the processes that are free, or as soon as one is."""

    def items() -> Iterator[Evaluation]:
        yield item("0")
        yield item("1")
        (inner,) = running.map(segfaults, [item("3")])
        assert [failure.reason for failure in inner.failures.values()] == [
            f"its process was ended by SIGSEGV, {ATTEMPTS} times"
        ]
        yield item("2")

    outcomes = list(running.map(pid, items()))
    assert sorted(one.cell for one in outcomes) == ["0", "1", "2"]
    assert not any(one.failures for one in outcomes)


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them() -> None:
    program = """
from tests.executors.test_processes import Processes, item, pid
executor = Processes(jobs=2)
with executor.running():
    for one in executor.map(pid, map(item, "0123")):
        print(int(one.seconds), flush=True)
    import time
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    workers = {int(process.stdout.readline()) for _ in range(4)}
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while any(map(psutil.pid_exists, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(psutil.pid_exists, workers))
