"""Workers that end, or that do not fit, cost no cell; see also tests/end_to_end/test_executors.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from ablate.errors import PluginError
from ablate.executors import dask
from ablate.executors.base import Evaluated, Evaluation, Failure
from ablate.executors.dask import LOSSES, Dask
from ablate.testing import check_executor
from tests.executors.test_processes import dies_once, exits, item, pid

PRINT_ADDRESS = """
from distributed import LocalCluster
import sys
if __name__ == "__main__":
    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Dask]:
    executor = Dask(jobs=2)
    with executor.running():
        yield executor


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a scheduler without workers."""
    with subprocess.Popen(
        [sys.executable, "-c", PRINT_ADDRESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


@pytest.fixture
def join(scheduler: str, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Starts a worker, with variables of its own."""
    workers: list[subprocess.Popen[bytes]] = []

    def start(folder: Path | None = None, **environment: str) -> None:
        program = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler, "--nthreads", "1", "--no-nanny"]
        program += ["--no-dashboard", "--local-directory", str(tmp_path)]
        path = os.pathsep.join([os.getcwd(), *sys.path])
        environment = {**os.environ, "PYTHONPATH": path, **environment}
        workers.append(subprocess.Popen(program, env=environment, cwd=folder, stderr=subprocess.DEVNULL))

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()


def lacks_the_model(evaluation: Evaluation) -> Evaluated:
    if os.environ.get("LACKS"):
        return evaluation.failed(Failure("ModelError: no such model", "place"))
    time.sleep(0.2)  # so that the other worker also gets some
    return pid(evaluation)


def folder_of_work(evaluation: Evaluation) -> Evaluated:
    return replace(pid(evaluation), cell=os.getcwd())


def sleeps_after_the_first(evaluation: Evaluation) -> Evaluated:
    if evaluation.cell != "0":
        time.sleep(60)
    return pid(evaluation)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=lambda sent: sent.name)
def test_a_signal_to_all_processes_is_left_to_the_coordinator(sent: signal.Signals) -> None:
    """As a batch system's, or Ctrl-C of a terminal: the workers work on, until the coordinator ends them."""
    program = """
from tests.executors.test_dask import Dask, item, sleeps_after_the_first
from ablate.cli.signals import handled, told
with handled():
    executor = Dask(jobs=2)
    try:
        with executor.running():
            for one in executor.map(sleeps_after_the_first, map(item, "01")):
                print(int(one.seconds), flush=True)
    except KeyboardInterrupt as interrupt:
        raise SystemExit(told(interrupt, "")[1])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    worker = psutil.Process(int(process.stdout.readline()))
    workers = psutil.Process(process.pid).children(recursive=True)
    assert worker in workers
    os.killpg(process.pid, sent)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 128 + sent
    assert errors == ""
    assert psutil.wait_procs(workers, timeout=10)[1] == []


@pytest.mark.slow
def test_a_cell_that_ends_its_worker_is_lost_and_no_other(running: Dask) -> None:
    outcomes = {one.cell: one for one in running.map(exits, map(item, "01234"))}
    assert set(outcomes) == set("01234")
    assert [one.reason for one in outcomes.pop("3").failures.values()] == [f"its worker ended, {LOSSES} times"]
    assert not any(one.failures for one in outcomes.values())


@pytest.mark.slow
def test_a_cell_whose_worker_is_killed_once_is_tried_again(running: Dask, tmp_path: Path) -> None:
    cells = [str(tmp_path / name) for name in "ab"]
    outcomes = list(running.map(dies_once, map(item, cells)))
    assert sorted(one.cell for one in outcomes) == cells
    assert not any(one.failures for one in outcomes)


def test_a_worker_that_lacks_something_gets_no_further_cells(
    scheduler: str, join: Callable[..., None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    join(LACKS="1")
    with monkeypatch.context() as patch:
        patch.setattr(dask, "WAIT_SECONDS", 0.5)
        with pytest.raises(PluginError, match="no worker fits: worker tcp.*no such model$"):
            list(Dask(address=scheduler).map(lacks_the_model, [item("0")]))
    join()
    outcomes = list(Dask(address=scheduler).map(lacks_the_model, map(item, "0123456789")))
    assert sorted(one.cell for one in outcomes) == list("0123456789")
    assert len({one.seconds for one in outcomes if not one.failures}) == 1
    assert "no such model; it gets no further cells" in capsys.readouterr().err


@pytest.mark.slow
def test_a_worker_with_other_packages_is_refused_with_both_versions(
    running: Dask, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = dask.versions()
    monkeypatch.setattr(dask, "versions", lambda: {**here, "torch": "1.0"})
    monkeypatch.setattr(dask, "WAIT_SECONDS", 0.5)
    told = rf"has torch {here['torch']}, and the coordinator has 1\.0; install the same packages"
    with pytest.raises(PluginError, match=told.replace("+", r"\+")):
        list(running.map(pid, [item("0")]))


@pytest.mark.slow
def test_relative_paths_start_in_the_folder_of_the_coordinator(
    scheduler: str, join: Callable[..., None], tmp_path: Path
) -> None:
    join(tmp_path)
    assert [one.cell for one in Dask(address=scheduler).map(folder_of_work, [item("0")])] == [os.getcwd()]


@pytest.mark.slow
def test_an_address_without_a_scheduler_is_one_line() -> None:
    with pytest.raises(PluginError, match=r"^executor 'dask': no cluster at tcp://127\.0\.0\.1:9: [^\n]*$"):
        list(Dask(address="tcp://127.0.0.1:9").map(pid, [item("0")]))


def test_a_cluster_at_an_address_takes_no_jobs() -> None:
    with pytest.raises(ValidationError, match="leave out slurm and jobs"):
        Dask(address="tcp://127.0.0.1:9", jobs=2)


@pytest.mark.slow
def test_slurm_jobs_are_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for SLURM that starts each job at once."""
    sbatch, scancel = tmp_path / "sbatch", tmp_path / "scancel"
    # A copy, as SLURM takes one: the file is removed as soon as sbatch returns.
    copy = f'job=$(mktemp "{tmp_path}/job.XXXXXX"); cp "$1" "$job"'
    sbatch.write_text(f'#!/bin/sh\n{copy}\nsetsid bash "$job" >/dev/null 2>&1 &\necho "Submitted batch job $!"\n')
    scancel.write_text('#!/bin/sh\nfor job; do kill -- "-$job"; done\n')
    for program in (sbatch, scancel):
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    slurm = {"cores": 1, "memory": "2GB", "interface": "lo", "local_directory": str(tmp_path), "log_directory": None}
    executor = Dask(slurm=slurm, jobs=2)
    with executor.running():
        outcomes = list(executor.map(pid, map(item, "0123")))
    assert sorted(one.cell for one in outcomes) == list("0123")
    assert os.getpid() not in {int(one.seconds) for one in outcomes}


@pytest.mark.slow
def test_the_contract_is_kept() -> None:
    check_executor(Dask, jobs=2)
