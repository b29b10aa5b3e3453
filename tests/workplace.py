"""A folder with a tiny model, a small SentEval folder and a store, and the command line run in it."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import ablate.coordinator.run
import ablate.engine.worker
from ablate.cli import main
from ablate.store.store import Store
from ablate.testing.tiny import save_tiny
from tests.bench import pairs, write_set

BENCHMARK = Path("data/STS/STSBenchmark")
STORE = "ablate.db"

RECIPE = """\
model: model
data: {senteval: data}
calibration: {pairs: 8, sentences: 16, batch_size: 4}
scorers: [align, random]
granularities: [head]
sparsities: [0.25]
screen: [sts-dev]
"""


@cache
def _tiny() -> tuple[Path, tempfile.TemporaryDirectory[str]]:
    folder = tempfile.TemporaryDirectory()  # removed when the process ends
    return save_tiny(Path(folder.name) / "model"), folder


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


class Workplace:
    """The current folder: ``model``, ``data`` (60 train, 30 dev, 30 test pairs) and, once asked for, ``ablate.db``."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys
        monkeypatch.chdir(folder)
        monkeypatch.delenv("ABLATE_DATA", raising=False)
        monkeypatch.setenv("ABLATE_CACHE", str(folder / "cache"))
        monkeypatch.setenv("COLUMNS", "80")
        (folder / "model").symlink_to(_tiny()[0])
        for seed, (name, count) in enumerate({"stsb-train": 60, "stsb-dev": 30, "stsb": 30}.items()):
            write_set(folder / "data", name, pairs(seed, count))

    def __call__(self, *arguments: str) -> Ran:
        """Runs ``ablate`` with these arguments, in this process."""
        self._monkeypatch.setattr(sys, "argv", ["ablate", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        assert isinstance(code, int)
        shown = self._capsys.readouterr()
        return Ran(code, shown.out, shown.err)

    def run(self, recipe: str | bytes, *arguments: str) -> Ran:
        """``ablate run r.yaml`` with that text in it."""
        Path("r.yaml").write_bytes(recipe if isinstance(recipe, bytes) else recipe.encode())
        return self("run", "r.yaml", *arguments)

    def refused(self, ran: Ran) -> str:
        """The one line of an error, checked to be one, on stderr alone, with exit status 2."""
        assert (ran.code, ran.out) == (2, ""), ran
        (line,) = ran.err.splitlines()
        assert line.startswith("ablate: ")
        return line.removeprefix("ablate: ")

    def nothing_may_load(self) -> None:
        """From now on it is a failure to load a model."""
        for module in (ablate.coordinator.run, ablate.engine.worker):
            self._monkeypatch.setattr(module, "load_model", lambda *_: pytest.fail("a model was loaded"))

    def nothing_may_evaluate(self) -> None:
        """From now on it is a failure to evaluate a cell, or to score one."""
        for name in ("ablate.engine.evaluator.Evaluator.embed", "ablate.coordinator.contribution_maker.collect"):
            self._monkeypatch.setattr(name, lambda *_, name=name, **__: pytest.fail(f"{name} was called"))

    def with_store(self) -> None:
        """Makes an empty store."""
        Store(STORE).close()

    def files(self) -> dict[str, bytes]:
        """What lies in the folder, data and model apart, recipes too."""
        names = (path for path in self.folder.iterdir() if path.name not in ("model", "data", "r.yaml"))
        files = (file for path in names for file in (path.rglob("*") if path.is_dir() else [path]))
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in files if file.is_file()}
