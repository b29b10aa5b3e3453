"""A store that a tiny run has made, and faults in copies of it."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import ablate
from ablate.doctor.finding import Finding, Section
from ablate.doctor.store import store
from ablate.report.results import Results
from ablate.store import records
from ablate.store.store import Store
from ablate.tasks.result import Result
from ablate.testing.tiny import save_tiny
from tests.bench import pairs, write_set

RECIPE = """\
model: {folder}/model
data: {{senteval: {folder}/data}}
calibration: {{pairs: 8, sentences: 16, batch_size: 4}}
scorers: [align, random]
granularities: [head]
sparsities: [0.25]
screen: [sts-dev]
confirm: {{tasks: {confirm}, cells: all}}
controls: {{matched: 1}}
statistics: {{resamples: 100}}
"""


@dataclass(frozen=True)
class Stored:
    """A folder with a model, data, recipes and a store."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Stored:
        save_tiny(folder / "model")
        for seed, (name, count) in enumerate({"stsb-train": 60, "stsb-dev": 30, "stsb": 30}.items()):
            write_set(folder / "data", name, pairs(seed, count))
        (folder / "r.yaml").write_text(RECIPE.format(folder=folder, confirm="[stsb]"))
        (folder / "more.yaml").write_text(RECIPE.format(folder=folder, confirm="[stsb, align-test]"))
        stored = cls(folder)
        stored.run()
        return stored

    @property
    def path(self) -> Path:
        return self.folder / "ablate.db"

    @property
    def files(self) -> list[Path]:
        return sorted(Path(f"{self.path}.files").glob("*.safetensors"))

    def copy(self, folder: Path) -> Stored:
        """The same model, data and recipes with a store of its own."""
        shutil.copy(self.path, folder / "ablate.db")
        shutil.copytree(f"{self.path}.files", folder / "ablate.db.files")
        for name in ("r.yaml", "more.yaml"):
            shutil.copy(self.folder / name, folder / name)
        return Stored(folder)

    def run(self, recipe: str = "r.yaml") -> Results:
        return ablate.run(self.folder / recipe, store=self.path)

    def runs(self) -> list[str]:
        with Store(self.path, create=False) as opened:
            return opened.run_ids()

    def shown(self) -> Results:
        """The newest run, from the store."""
        with Store(self.path, create=False) as opened:
            run = opened.run_ids()[-1]
            return Results.from_plain(opened.rows(run), opened.about(run))

    def sql(self, *statements: str) -> None:
        """Runs statements; the last must change something."""
        connection = sqlite3.connect(self.path)
        with connection:
            changed = [connection.execute(statement).rowcount for statement in statements]
        connection.close()
        assert changed[-1] > 0, statements

    def bytes(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}

    def rewrite(self, change: Callable[[Result], Result]) -> str:
        """Replaces the result of dense on stsb, with right checksums, and returns its key."""
        connection = sqlite3.connect(self.path)
        rows = connection.execute("SELECT key, entry, similarities FROM ablate_results ORDER BY key").fetchall()
        results = {key: records.from_row(key, entry, values, True) for key, entry, values in rows}
        key: str = next(key for key, result in results.items() if result.about["task"] == "stsb")
        row = records.to_row(key, change(results[key]))
        with connection:
            connection.execute(
                "UPDATE ablate_results SET entry = :entry, similarities = :similarities WHERE key = :key", row
            )
        connection.close()
        return key

    def doctor(self, *, verified: int = 0, seed: int = 0, drop_damaged: bool = False) -> tuple[Section, ...]:
        return store(str(self.path), verified=verified, seed=seed, drop_damaged=drop_damaged)

    def damaged(self) -> list[Finding]:
        return [finding for section in self.doctor() for finding in section.findings if finding.fix]


def swap(table: str, *columns: str) -> tuple[str, ...]:
    """Statements that swap the columns of two entries."""
    changes = ", ".join(f"{c} = (SELECT {c} FROM two WHERE two.key != {table}.key)" for c in columns)
    return (
        f"CREATE TEMP TABLE two AS SELECT * FROM {table} ORDER BY key LIMIT 2",
        f"UPDATE {table} SET {changes} WHERE key IN (SELECT key FROM two)",
    )


def swap_files(stored: Stored) -> None:
    first, second = stored.files[:2]
    content = first.read_bytes()
    assert content != second.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def zero_files(stored: Stored) -> None:
    for file in stored.files:
        file.write_bytes(bytes(file.stat().st_size))


def signed(owner: str, body: str) -> str:
    """A text with the right checksum, whatever its body is."""
    digest = hashlib.sha256(f"{owner}\0{body}".encode()).hexdigest()
    return f'{{"sha256": "{digest}", "content": {body}}}'


def shifted(result: Result) -> Result:
    """A result with other values, from which its score follows."""
    assert result.values is not None
    return replace(result, values=(result.values + np.float32(0.01)).astype(np.float32))
