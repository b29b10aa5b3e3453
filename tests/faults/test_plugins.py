"""Hostile plug-ins cost their own cells: these fail with the cause and the plug-in's name, and nothing else does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ablate.errors import REASON
from ablate.testing.tiny import save_tiny
from tests.faults.forked import Forks, Job, Outcome

pytestmark = pytest.mark.faults

ORIGIN = "(plug-in hostile 1.0)"
RECIPE = """\
model: model
data: embedded
calibration: {{pairs: 8, sentences: 16, batch_size: 4}}
scorers: [{scorers}]
granularities: [{granularities}]
sparsities: [0.25]
screen: [{tasks}]
controls: {{matched: 0}}
"""
RAISING = {
    "unspeakable": "Unspeakable: (its message cannot be made: RuntimeError)",
    "loud": "Loud: xxxx",
    "generator-exit": "GeneratorExit: done",
    "system-exit": "SystemExit: 0",
    "keyboard-interrupt": "KeyboardInterrupt: mine",
    "of-its-own": "OfItsOwn: odd",
    "recurses": "RecursionError: maximum recursion depth exceeded",
}
"""What a plug-in does -> how the reason in its rows begins."""
DEADLY = {"exits-hard": 7, "segfaults": -11}
"""What a plug-in does -> with which status the process ends."""


def register(site: Path, name: str, module: str) -> None:
    """Makes a module a plug-in, as an installed distribution would."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ablate]\npoint = {module}\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, a folder of temporary files, and the plug-ins as installed distributions."""
    folder = tmp_path_factory.mktemp("hostile")
    save_tiny(folder / "model")
    (folder / "temporary").mkdir()
    register(folder / "site", "hostile", "tests.faults.hostile")
    return folder


@pytest.fixture(scope="module")
def forks(place: Path) -> Iterator[Forks]:
    with Forks(PYTHONPATH=str(place / "site"), TMPDIR=str(place / "temporary")) as forks:
        yield forks


@pytest.fixture
def run(place: Path, forks: Forks, tmp_path: Path) -> Callable[..., Outcome]:
    """Runs a recipe of these scorers and tasks, on one store."""

    def run(*more: str, scorers: str = "magnitude", tasks: str = "synthetic-dev", heads: str = "head") -> Outcome:
        text = RECIPE.format(scorers=scorers, tasks=tasks, granularities=heads)
        (place / "r.yaml").write_text(text)
        command = ("run", "r.yaml", "--store", str(tmp_path / "s.db"), "--format", "json", *more)
        return forks.run(Job(command, str(place), 120))

    return run


def rows(outcome: Outcome) -> dict[tuple[str | None, str], dict[str, Any]]:
    """The rows that stdout has, by scorer and task. Nothing else may be there, and no traceback on stderr."""
    assert "Traceback" not in outcome.err
    return {(row["scorer"], row["task"]): row for row in json.loads(outcome.out)}


@pytest.mark.parametrize("act", RAISING)
def test_what_a_scorer_raises_fails_its_cell(act: str, run: Callable[..., Outcome]) -> None:
    outcome = run(scorers=f"{act}, magnitude")
    assert outcome.code == 1
    told = rows(outcome)
    assert told["magnitude", "synthetic-dev"]["status"] == "ok"
    reason = told[act, "synthetic-dev"]["reason"]
    assert reason.startswith(RAISING[act])
    assert reason.endswith(ORIGIN)
    assert len(reason) <= REASON
    assert len(outcome.err) < 10_000


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [(), ("--jobs", "1")], ids=["in process", "in another"])
@pytest.mark.parametrize("act", RAISING)
def test_what_a_task_raises_fails_it(act: str, jobs: tuple[str, ...], run: Callable[..., Outcome]) -> None:
    outcome = run(*jobs, tasks=f"synthetic-dev, task-{act}")
    assert outcome.code == 1
    told = rows(outcome)
    assert told["magnitude", "synthetic-dev"]["status"] == "ok"
    reason = told["magnitude", f"task-{act}"]["reason"]
    assert reason.startswith(RAISING[act])
    assert reason.endswith(ORIGIN)
    assert len(reason) <= REASON


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scorers": "wrong-shape, magnitude"}, "scorer 'wrong-shape' gave [11] contributions for 8 head units"),
        ({"scorers": "not-finite, magnitude"}, "scorer 'not-finite' gave 8 head contributions that are not finite"),
        ({"tasks": "synthetic-dev, task-undefined"}, "uuuu"),
    ],
    ids=["shape", "nan", "undefined"],
)
def test_what_is_no_contribution_or_score(given: dict[str, str], said: str, run: Callable[..., Outcome]) -> None:
    reasons = [row["reason"] for row in rows(run(**given)).values() if row["status"] in ("failed", "undefined")]
    assert reasons
    assert all(reason.startswith(said) and len(reason) <= REASON for reason in reasons)


@pytest.mark.parametrize("act", ["segfaults", pytest.param("exits-hard", marks=pytest.mark.slow)])
@pytest.mark.parametrize("of", ["scorer", "task"])
def test_what_ends_the_process_twice_is_failed_and_later_cells_are_reached(
    of: str, act: str, run: Callable[..., Outcome]
) -> None:
    given = {"scorers": f"{act}, magnitude"} if of == "scorer" else {"tasks": f"task-{act}"}
    for _ in range(2):
        assert run(**given).code == DEADLY[act]
    for _ in range(2):  # the second time as the first
        outcome = run(**given)
        assert outcome.code == 1
        told = {key: row["reason"] for key, row in rows(outcome).items() if row["status"] == "failed"}
        if of == "scorer":
            assert list(told) == [(act, "synthetic-dev")]
            reason = told[act, "synthetic-dev"]
            assert reason == f"the process ended 2 times while it computed this mask {ORIGIN}"
        else:
            assert list(told) == [("magnitude", f"task-{act}")]
            assert "the process ended 2 times while it evaluated this cell" in told["magnitude", f"task-{act}"]


@pytest.mark.slow
def test_a_granularity_that_ends_the_process(run: Callable[..., Outcome]) -> None:
    for _ in range(2):
        assert run(heads="killed-heads, head").code == 9
    outcome = run(heads="killed-heads, head")
    failed = [row for row in json.loads(outcome.out) if row["status"] == "failed"]
    assert [row["granularity"] for row in failed] == ["killed-heads"]
    assert outcome.code == 1


@pytest.mark.slow
@pytest.mark.parametrize(("act", "how"), [("exits-hard", "ended with status 7"), ("segfaults", "was ended by SIGSEGV")])
def test_jobs_isolate_a_task_that_ends_its_process(act: str, how: str, run: Callable[..., Outcome]) -> None:
    outcome = run("--jobs", "1", tasks=f"synthetic-dev, task-{act}", scorers="magnitude, random")
    assert outcome.code == 1
    failed = [row["reason"] for row in rows(outcome).values() if row["status"] == "failed"]
    assert failed
    assert all(reason.startswith(f"its process {how}, 3 times") for reason in failed)


@pytest.mark.parametrize(
    "given", [{"scorers": "writes"}, {"tasks": "synthetic-dev, task-writes"}], ids=["scorer", "task"]
)
def test_stdout_has_the_results_alone(given: dict[str, str], run: Callable[..., Outcome]) -> None:
    outcome = run(**given)
    assert outcome.code == 0
    assert len(rows(outcome)) >= 2
    for how in ("print", "the first stdout", "the descriptor", "C", "a child"):
        assert f"by {how}\n" in outcome.err


@pytest.mark.parametrize(
    "given", [{"scorers": "moves"}, {"tasks": "synthetic-dev, task-moves"}], ids=["scorer", "task"]
)
def test_the_folder_and_the_environment_stay(given: dict[str, str], place: Path, run: Callable[..., Outcome]) -> None:
    output = place / "moved.json"
    output.unlink(missing_ok=True)
    outcome = run("-o", "moved.json", **given)
    assert (outcome.code, outcome.out) == (0, "")
    assert {row["status"] for row in json.loads(output.read_text())} == {"ok"}


@pytest.mark.parametrize(
    "given", [{"scorers": "is-interrupted"}, {"tasks": "task-is-interrupted"}], ids=["scorer", "task"]
)
def test_a_signal_within_a_plug_in_still_ends_the_run(given: dict[str, str], run: Callable[..., Outcome]) -> None:
    outcome = run(**given)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.splitlines()[-1].startswith("ablate: interrupted; finished work is stored")


def test_an_executor_that_gives_up(run: Callable[..., Outcome]) -> None:
    outcome = run("--executor", "lax")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines()[-1] == f"ablate: executor 'lax' failed: GeneratorExit: no work today {ORIGIN}"


def ablate(site: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), *filter(None, sys.path)])
    command, environment = [sys.executable, "-m", "ablate", *arguments], {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_one_that_cannot_be_imported(tmp_path: Path) -> None:
    register(tmp_path / "site", "broken", "unimportable")
    (tmp_path / "site" / "unimportable.py").write_text(
        "import os\nos.write(1, b'at import')\nos.chdir('/')\nraise KeyboardInterrupt('x' * 10**6)\n"
    )
    ran = ablate(tmp_path / "site", "list", folder=tmp_path)
    assert ran.returncode == 0
    assert "at import" not in ran.stdout
    assert "at import" in ran.stderr
    assert "plug-in broken 1.0 could not be loaded: KeyboardInterrupt: xxx" in ran.stdout + ran.stderr
    assert len(ran.stdout + ran.stderr) < 20_000


@pytest.mark.slow
def test_a_thread_that_does_not_end_does_not_keep_the_command(place: Path, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE.format(scorers="hangs-on", tasks="synthetic-dev", granularities="head"))
    (tmp_path / "model").symlink_to(place / "model")
    start = time.monotonic()
    ran = ablate(place / "site", "run", "r.yaml", "--format", "json", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert len(json.loads(ran.stdout)) == 2
    assert "not waiting for threads that do not end: 'endless'" in ran.stderr
    assert time.monotonic() - start < 150
