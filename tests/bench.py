"""A tiny model and tiny SentEval data in a folder, and runs on them: what the tests of the engine share."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ablate.api import run
from ablate.events import Event
from ablate.models.encode import encode
from ablate.plan.job import Job, prepare_job
from ablate.recipe.document import Document
from ablate.recipe.recipe import Recipe
from ablate.record import Row
from ablate.report.results import Results
from ablate.testing.tiny import save_tiny

Pair = tuple[str, str, float]

_WORDS = ["man", "woman", "child", "dog", "cat", "plays", "runs", "eats", "reads", "big", "small", "red", "new"]
_FILES = {
    **{f"stsb{split}": f"STS/STSBenchmark/sts-{split[1:] or 'test'}.csv" for split in ("", "-dev", "-train")},
    "sickr": "SICK/SICK_test_annotated.txt",
    "sickr-dev": "SICK/SICK_trial.txt",
    "sickr-train": "SICK/SICK_train.txt",
}


def pairs(seed: int, count: int, low: float = 0.0) -> list[Pair]:
    """Random pairs: the more words they share, the higher the gold score (``low`` to 5)."""
    rng = random.Random(seed)
    made: list[Pair] = []
    for i in range(count):
        words = rng.choices(_WORDS, k=6)
        shared = rng.randint(0, 6)
        other = words[:shared] + rng.choices(_WORDS, k=6 - shared)
        # A number of its own keeps the pairs of different sets apart.
        gold = round(low + (5 - low) * shared / 6, 2)
        made.append((f"{seed} {i} {' '.join(words)}", f"{seed} {i} {' '.join(other)}", gold))
    return made


def write_set(data: Path, name: str, content: Iterable[Pair]) -> None:
    """Writes one data set of a SentEval folder."""
    file = data / _FILES[name]
    file.parent.mkdir(parents=True, exist_ok=True)
    if name.startswith("sick"):
        lines = ["pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment"]
        lines += [f"{i}\t{a}\t{b}\t{gold}\tNEUTRAL" for i, (a, b, gold) in enumerate(content)]
    else:
        lines = [f"main\tfile\t2012\t{i}\t{gold}\t{a}\t{b}" for i, (a, b, gold) in enumerate(content)]
    file.write_text("".join(f"{line}\n" for line in lines))


@dataclass
class Bench:
    """A folder with a tiny BERT (2 layers, 4 heads, width 32, 64 neurons) and small data sets.

    encodes: how many sets of sentences were encoded. events: what the runs told.
    """

    root: Path
    encodes: int = 0
    events: list[Event] = field(default_factory=list)

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def store(self) -> Path:
        return self.root / "store.db"

    @property
    def passes(self) -> list[str]:
        """The passes over the calibration set, of all runs."""
        return [event.text for event in self.events if event.text.startswith("pass: ")]

    def watch(self, event: Event) -> None:
        self.events.append(event)

    def clear(self) -> None:
        self.encodes = 0
        self.events.clear()

    def tree(self, **given: Any) -> dict[str, Any]:
        """A recipe as YAML would give it: one cell of heads by magnitude, unless told otherwise."""
        return {
            "model": str(self.model),
            "data": {"senteval": str(self.data)},
            "calibration": {"pairs": 16, "sentences": 24, "batch_size": 8},
            "scorers": ["magnitude"],
            "granularities": ["head"],
            "sparsities": [0.25],
            "controls": {"matched": 3},
            "screen": ["stsb-dev"],
        } | given

    def recipe(self, **given: Any) -> Recipe:
        return Recipe.model_validate(self.tree(**given))

    def job(self, **given: Any) -> Job:
        recipe = self.recipe(**given)
        return prepare_job(recipe, Document("recipe", recipe.model_dump(mode="json", by_alias=True)))

    def run(
        self, store: Path | None = None, keep_going: bool = True, limit: int | None = None, **given: Any
    ) -> Results:
        results = run(
            self.recipe(**given),
            store=store or self.store,
            keep_going=keep_going,
            limit=limit,
            watch=self.watch,
        )
        assert all(isinstance(row, Row) for row in results.rows)
        return results


def make_bench(root: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Makes the folder; counts what is encoded from then on."""
    bench = Bench(root)
    save_tiny(bench.model)
    for seed, (name, count) in enumerate(
        {"stsb": 40, "stsb-dev": 30, "stsb-train": 60, "sickr": 20, "sickr-dev": 12}.items()
    ):
        write_set(bench.data, name, pairs(seed, count, low=1.0 if name.startswith("sick") else 0.0))

    def counted(*args: Any) -> Any:
        bench.encodes += 1
        return encode(*args)

    monkeypatch.setattr("ablate.engine.lower_layers.encode", counted)
    return bench


def essence(rows: Sequence[Row]) -> list[Row]:
    """Rows without what differs from run to run: where they came from, and how long they took."""
    return [replace(row, cached=False, seconds=None) for row in rows]


def of(results: Results, **fields: Any) -> list[Row]:
    """The rows with these values."""
    return [row for row in results.rows if all(getattr(row, name) == value for name, value in fields.items())]


def known(number: float | None) -> float:
    """A number that must be there."""
    assert number is not None
    return number


def one(results: Results, **fields: Any) -> Row:
    """The only row with these values."""
    (row,) = of(results, **fields)
    return row


@pytest.fixture(scope="module", name="bench")
def module_bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """One for all tests of a module that imports it; what is encoded is not counted."""
    patch = pytest.MonkeyPatch()
    made = make_bench(tmp_path_factory.mktemp("bench"), patch)
    patch.undo()
    return made
