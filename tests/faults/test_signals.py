"""SIGTERM, SIGINT and a notice: the exit status, what is said and stored, and what is left behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablate.store.store import Store
from ablate.testing.tiny import save_tiny
from tests.bench import pairs, write_set
from tests.faults.forked import Forks, Job, Outcome
from tests.workplace import RECIPE

pytestmark = pytest.mark.faults

CELL = "head × align 25 %"
SETTLED = "ablate.store.store.Store.put_results"
WORKING = {
    signal.SIGTERM: (143, "ablate: terminated (SIGTERM); finished work is stored, and the same command continues"),
    signal.SIGINT: (130, "ablate: interrupted; finished work is stored, and the same command continues"),
    signal.SIGUSR1: (
        75,
        "ablate: stopped on notice (SIGUSR1); finished work is stored, and the same command continues",
    ),
}
READING = {
    ("report", "r.yaml", "-o", "new.html"): "ablate.report.html.gather.gather",
    ("show",): "ablate.cli.output.deliver",
    ("export", CELL, "-o", "small"): "ablate.export.export.reloaded",
    ("run", "r.yaml", "--dry-run", "--store", "none.db"): "ablate.coordinator.dry_run.preview",
    ("list",): "ablate.plugins.registry",
}
"""Commands, and the function in which the signal reaches them."""


class Place:
    """A folder with a model, data, a recipe and a store, and a folder of temporary files."""

    def __init__(self, folder: Path, forks: Forks) -> None:
        self.folder, self._forks = folder, forks
        save_tiny(folder / "model")
        for seed, (name, count) in enumerate({"stsb-train": 60, "stsb-dev": 30, "stsb": 30}.items()):
            write_set(folder / "data", name, pairs(seed, count))
        (folder / "r.yaml").write_text(RECIPE)
        assert self("run", "r.yaml").code == 0

    def __call__(self, *words: str, sent: int = 0, at: str = "", terminal: bool = False) -> Outcome:
        return self._forks.run(Job(words, str(self.folder), 60, sent, at, terminal))

    def names(self) -> set[str]:
        return {str(path) for path in self.folder.rglob("*")}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("signals")
    (folder / "temporary").mkdir()
    with Forks(TMPDIR=str(folder / "temporary"), TERM="xterm") as forks:
        yield Place(folder, forks)


@pytest.mark.parametrize("sent", WORKING, ids=lambda sent: sent.name)
def test_what_is_finished_is_stored_and_the_same_command_goes_on(sent: signal.Signals, place: Place) -> None:
    store = f"{sent.name}.db"
    outcome = place("run", "r.yaml", "--store", store, sent=sent, at=SETTLED)
    code, line = WORKING[sent]
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.splitlines()[-1].startswith(line)
    with Store(place.folder / store, create=False) as opened:
        assert len(opened.runs()) == 1
    again = place("run", "r.yaml", "--store", store)
    assert again.code == 0
    assert "3 of 3 cells" in again.err


def test_a_notice_finishes_the_cell_under_way(place: Place) -> None:
    outcome = place("run", "r.yaml", "--store", "noticed.db", sent=signal.SIGUSR1, at=SETTLED)
    assert outcome.code == 75
    again = place("run", "r.yaml", "--store", "noticed.db")
    assert "cells: 1 cached, 2 computed, 0 failed" in again.out


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=lambda sent: sent.name)
@pytest.mark.parametrize("words", READING, ids=lambda words: words[0])
def test_a_command_that_computes_nothing_says_so_and_leaves_nothing(
    words: tuple[str, ...], sent: signal.Signals, place: Place
) -> None:
    before = place.names()
    outcome = place(*words, sent=sent, at=READING[words])
    assert (outcome.code, outcome.out) == (128 + sent, "")
    assert outcome.err.splitlines()[-1].endswith("; nothing that was finished is lost; give the same command again")
    assert place.names() == before


def test_a_notice_lets_a_command_finish_that_computes_nothing(place: Place) -> None:
    outcome = place("show", sent=signal.SIGUSR1, at="ablate.cli.output.deliver")
    assert outcome.code == 0
    assert outcome.out


@pytest.mark.parametrize("sent", WORKING, ids=lambda sent: sent.name)
def test_the_cursor_comes_back(sent: signal.Signals, place: Place) -> None:
    outcome = place("run", "r.yaml", "--store", f"tty-{sent.name}.db", sent=sent, at=SETTLED, terminal=True)
    hidden, shown = outcome.err.rfind("\x1b[?25l"), outcome.err.rfind("\x1b[?25h")
    assert outcome.code == WORKING[sent][0]
    assert -1 < hidden < shown
