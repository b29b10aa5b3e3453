"""A small grid that is disturbed while it runs, and what has to be so at the end."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ablate.store.array_folder import SWEEP_SECONDS
from ablate.store.store import Store
from ablate.testing.tiny import save_tiny
from tests.bench import pairs, write_set
from tests.faults.forked import Forks, Job, Outcome

RECIPE = """\
model: model
data: {senteval: data}
calibration: {pairs: 8, sentences: 16, batch_size: 4}
scorers: [align, magnitude]
granularities: [head, neuron]
sparsities: [0.25, 0.5]
screen: [stsb-dev]
confirm: [stsb]
controls: {matched: 1}
statistics: {resamples: 100}
"""

PATIENT = "tests.faults.grid:patient"
"""For :attr:`Job.call`, where kills come from outside: how often a cell is begun that ended its process has no bound."""

WATCH = """
CREATE TABLE watched (key TEXT, again INTEGER);
CREATE TRIGGER watching BEFORE INSERT ON ablate_results BEGIN
  INSERT INTO watched VALUES (new.key, EXISTS (SELECT 1 FROM ablate_results WHERE key = new.key));
END;
"""
"""Has SQLite log every result that is put, also one that is there already."""


BEGUN = "begun"
"""For :attr:`Job.begun`: the file that is there once a patient run has its executor."""


def patient() -> None:
    import ablate.coordinator.others
    import ablate.coordinator.run
    import ablate.executors.dask
    import ablate.executors.processes

    ablate.coordinator.others.DEADLY = 10**6
    ablate.executors.processes.ATTEMPTS = 10**6
    ablate.executors.dask.LOSSES = 10**6
    prepare = ablate.coordinator.run.prepare_model_run

    def told(*given: Any, **named: Any) -> Any:
        Path(BEGUN).touch()
        return prepare(*given, **named)

    ablate.coordinator.run.prepare_model_run = told


class Grid:
    """The folder of the grid. expected: the rows of a run that nobody disturbed."""

    def __init__(self, folder: Path, forks: Forks) -> None:
        self.folder, self.forks = folder, forks
        save_tiny(folder / "model")
        for seed, (name, count) in enumerate({"stsb-train": 40, "stsb-dev": 30, "stsb": 30}.items()):
            write_set(folder / "data", name, pairs(seed, count))
        (folder / "r.yaml").write_text(RECIPE)
        whole = self.run("whole.db")
        assert whole.code == 0, whole
        (self.expected,) = rows(folder / "whole.db")
        self.results = len(keys(folder / "whole.db"))

    def job(self, store: str, *more: str, **given: Any) -> Job:
        given = {"seconds": 300.0, **given}
        return Job(("run", "r.yaml", "--store", store, "--format", "json", *more), str(self.folder), **given)

    def run(self, store: str, *more: str, **given: Any) -> Outcome:
        return self.forks.run(self.job(store, *more, **given))

    def watched(self, store: str) -> Path:
        """The path of a new store that logs what is put."""
        path = self.folder / store
        Store(path).close()
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(WATCH)
        return path

    def check(self, store: str, computed: float = 1.0) -> None:
        """Whether the last run has the table of the undisturbed one, from results that are all there once.

        Args:
            computed: the most results that were put, for each that is there.
        """
        path = self.folder / store
        assert close(rows(path)[-1], self.expected)
        assert len(keys(path)) == self.results
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'watched'").fetchall():
                ((put,),) = connection.execute("SELECT count(*) FROM watched").fetchall()
                assert put <= computed * self.results
        for temporary in Path(f"{path}.files").glob("*.tmp"):
            os.utime(temporary, (0, os.stat(temporary).st_mtime - 2 * SWEEP_SECONDS))
        Store(path).close()
        assert not list(Path(f"{path}.files").glob("*.tmp"))


@contextmanager
def made(folder: Path) -> Iterator[Grid]:
    """A grid, with a folder of temporary files of its own."""
    (folder / "temporary").mkdir()
    with Forks(TMPDIR=str(folder / "temporary")) as forks:
        yield Grid(folder, forks)


def quiet(outcome: Outcome) -> bool:
    """Whether a command ended without a traceback and without processes that it left behind."""
    return "Traceback" not in outcome.err and outcome.orphans == 0


def rows(path: Path) -> list[list[dict[str, Any]]]:
    """The rows of each run that has some, without what differs by who computed them."""
    with Store(path, create=False) as opened:
        runs = [opened.rows(run.id) for run in opened.runs() if run.rows]
    return [[{k: v for k, v in row.items() if k not in ("cached", "seconds")} for row in of_run] for of_run in runs]


def keys(path: Path) -> list[str]:
    """The keys of all results."""
    with closing(sqlite3.connect(path)) as connection:
        return [key for (key,) in connection.execute("SELECT key FROM ablate_results").fetchall()]


def close(a: Any, b: Any) -> bool:
    """Whether two values are equal, numbers to 1e-5."""
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 1e-5 * max(1.0, abs(b))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    return bool(a == b)
