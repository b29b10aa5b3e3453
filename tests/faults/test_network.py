"""Nothing but ``ablate data fetch`` and a Hub id connects to anything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablate.testing.tiny import save_tiny
from tests.bench import pairs, write_set
from tests.faults.forked import Forks, Job, Outcome
from tests.workplace import RECIPE
from tools.commands import COMMANDS

pytestmark = pytest.mark.faults

GUARD = Path(__file__).parent / "guard"
SHORT = RECIPE.replace("[align, random]", "[align]")
RECIPES = {
    "r.yaml": SHORT,
    "t.yaml": SHORT + "train: {ways: [prune-then-train], batch_size: 8, evaluate_every: 4}\n",
    "hub.yaml": SHORT.replace("model: model", f"model: {{name: an/encoder, revision: {'abcd' * 10}}}"),
}
CELL = "head × align 25 %"
LINES = {
    "init": ["init model -o new.yaml"],
    "run": ["run r.yaml", "run r.yaml --dry-run", "run r.yaml --jobs 2 --store jobs.db"],
    "compare": [
        "compare --model model --data senteval:data --scorers magnitude --granularities head --sparsities 0.25 --tasks sts-dev --store compared.db"
    ],
    "show": ["show"],
    "diff": ["diff CELL"],
    "train": ["train t.yaml --store trained.db"],
    "report": ["report", "report --store trained.db -o trained.html"],
    "choose": ["run r.yaml --set confirm=[stsb] --store confirmed.db", "choose --within 100 --store confirmed.db"],
    "export": ["export CELL -o small --no-costs"],
    "prevalence": ["prevalence r.yaml --set prevalence.confirm=[stsb]"],
    "stability": ["stability r.yaml --no-scores"],
    "list": ["list"],
    "check": ["check align"],
    "new-plugin": ["new-plugin mine"],
    "schema": ["schema"],
    "doctor": ["doctor --verify 1"],
    "data": ["data"],
    "data check": ["data check own.tsv --power --model model"],
    "data fetch": [],
}
"""Command lines of each command. Those of ``data fetch`` do connect, and have a test of their own."""


class Place:
    """A folder with a model, data and recipes, for commands that cannot connect."""

    def __init__(self, folder: Path, forks: Forks, log: Path) -> None:
        self.folder, self._forks, self._log = folder, forks, log
        save_tiny(folder / "model")
        for seed, (name, count) in enumerate({"stsb-train": 60, "stsb-dev": 30, "stsb": 30}.items()):
            write_set(folder / "data", name, pairs(seed, count))
        for name, text in RECIPES.items():
            (folder / name).write_text(text)
        rows = [f"a man number {i}\ta woman number {i}\t{i % 5}" for i in range(60)]
        (folder / "own.tsv").write_text("\n".join(["first\tsecond\tscore", *rows]))

    def __call__(self, line: str) -> tuple[Outcome, str]:
        """The results of a command line, and what it tried to connect to."""
        self._log.write_text("")
        words = [CELL if word == "CELL" else word for word in line.split()]
        return self._forks.run(Job(words, str(self.folder), 200)), self._log.read_text()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("network")
    log = folder / "log"
    cache = {"ABLATE_CACHE": str(folder / "cache"), "HF_HOME": str(folder / "hub")}
    with Forks(PYTHONPATH=str(GUARD), GUARD_LOG=str(log), HF_HUB_OFFLINE="0", **cache) as forks:
        yield Place(folder, forks, log)


def test_every_command_is_tried() -> None:
    assert set(LINES) == set(COMMANDS)


def test_the_guard_refuses_and_writes_down(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    given = {**os.environ, "PYTHONPATH": str(GUARD), "GUARD_LOG": str(log)}
    ran = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=False)
    assert ran.stderr.splitlines()[-1] == "OSError: [Errno 101] Network is unreachable"
    assert log.read_text().startswith("('127.0.0.1', 9)")


@pytest.mark.slow  # the library tries again for half a minute
@pytest.mark.parametrize("line", ["run hub.yaml", "data fetch stsb"])
def test_what_may_connect_is_caught_by_the_guard(line: str, place: Place) -> None:
    outcome, tried = place(line)
    assert outcome.code == 2
    assert "huggingface.co" in tried


@pytest.mark.parametrize("line", LINES["train"] + LINES["run"][:1])
def test_no_command_connects(line: str, place: Place) -> None:
    outcome, tried = place(line)
    assert (outcome.code, tried) == (0, ""), outcome


@pytest.mark.slow
def test_no_other_command_connects_either(place: Place) -> None:
    for lines in LINES.values():
        for line in lines:
            outcome, tried = place(line)
            assert tried == "", line
            assert outcome.code == 0 or line.startswith("doctor"), outcome
