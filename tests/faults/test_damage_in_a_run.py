"""Damage that a run reads is mended in the same run, or the run fails: no table is poorer without a word."""

from __future__ import annotations

import sqlite3
import warnings
from pathlib import Path

import pytest

import ablate
from ablate.errors import StoreError
from ablate.report.results import Results
from ablate.store.schema import pack, unpack
from ablate.store.store import Store
from tests.doctor.stored import Stored, swap, zero_files

pytestmark = pytest.mark.faults

TRAIN = "train: {ways: [train-then-prune], batch_size: 8, learning_rate: 0.01, evaluate_every: 8}\n"


def told(results: Results) -> list[object]:
    """What a table is made of: scores, verdicts, and the maps of contributions."""
    rows = [(row.cell, row.stage, row.task, row.result, row.score, row.verdict, row.low) for row in results.rows]
    return [rows, results.about.maps, results.about.withheld]


@pytest.mark.parametrize(
    "damage",
    [
        ("UPDATE ablate_results SET similarities = zeroblob(length(similarities))",),
        swap("ablate_results", "entry", "similarities"),
        swap("ablate_results", "similarities"),
        ("UPDATE ablate_results SET entry = '{x' WHERE key = (SELECT min(key) FROM ablate_results)",),
        swap("ablate_masks", "entry"),
        ("UPDATE ablate_masks SET entry = zeroblob(9)",),
        swap("ablate_panels", "entry"),
        ("UPDATE ablate_panels SET entry = '{x'",),
        ("UPDATE ablate_rows SET entry = '{x'",),
        (),
    ],
    ids=[
        "zeroed values",
        "swapped results",
        "swapped values",
        "broken result",
        "swapped masks",
        "zeroed masks",
        "swapped panels",
        "broken panels",
        "broken rows",
        "every file zeroed",
    ],
)
def test_a_run_mends_what_it_reads(original: Stored, stored: Stored, damage: tuple[str, ...]) -> None:
    if damage:
        stored.sql(*damage)
    else:
        zero_files(stored)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert told(stored.run()) == told(original.shown())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert told(stored.run()) == told(original.shown())


def test_contributions_of_a_map_that_are_gone(original: Stored, stored: Stored) -> None:
    """As after `doctor --drop-damaged`, or if a page of the database is lost."""
    stored.sql("DELETE FROM ablate_scores")
    assert told(stored.run()) == told(original.shown())


@pytest.mark.parametrize("kind", ["the file", "the entry"])
def test_contributions_that_only_a_map_needs(original: Stored, stored: Stored, kind: str) -> None:
    """The masks are stored, so that no cell needs the pass: the table of contributions was dropped without a word."""
    assert original.shown().about.maps
    if kind == "the file":
        with sqlite3.connect(stored.path) as connection:
            ((key, text),) = connection.execute("SELECT key, entry FROM ablate_scores")
        connection.close()
        file = Path(f"{stored.path}.files") / f"{unpack(key, text)['file']}.safetensors"
        file.write_bytes(bytes(file.stat().st_size))
    else:
        stored.sql("UPDATE ablate_scores SET entry = '{x'")
    with pytest.warns(RuntimeWarning, match="it will be computed again"):
        results = stored.run()
    assert told(results) == told(original.shown())
    assert stored.damaged() == []


def test_a_damaged_mask_that_another_task_needs(original: Stored, stored: Stored) -> None:
    """Results are stored under the bits that were evaluated, not under those that the damaged entry names."""
    other = original.folder / "more.db"
    expected = ablate.run(original.folder / "more.yaml", store=other)
    with sqlite3.connect(stored.path) as connection:
        for key, text in connection.execute("SELECT key, entry FROM ablate_masks").fetchall():
            entry = {**unpack(key, text), "hash": "0" * 64, "file": "0" * 64}
            connection.execute("UPDATE ablate_masks SET entry = ? WHERE key = ?", (pack(key, entry), key))
    connection.close()
    with pytest.warns(RuntimeWarning, match="missing; it will be computed again"):
        results = stored.run("more.yaml")
    assert told(results) == told(expected)


def test_a_damaged_mask_of_a_trained_cell(tmp_path: Path) -> None:
    """Its mask follows from the contributions in the trained model, not from those in the model as it came."""
    stored = Stored.made(tmp_path)
    for name in ("r.yaml", "more.yaml"):
        recipe = tmp_path / name
        # Of many neurons, training changes which ones contribute least.
        recipe.write_text(recipe.read_text().replace("[head]", "[neuron]") + TRAIN)
    ablate.train(tmp_path / "r.yaml", store=stored.path)
    expected = ablate.train(tmp_path / "more.yaml", store=tmp_path / "other.db")
    with sqlite3.connect(stored.path) as connection:
        entries = [unpack(key, text) for key, text in connection.execute("SELECT key, entry FROM ablate_masks")]
    connection.close()
    files = {entry["file"] for entry in entries if "trained" in entry["about"]}
    assert files
    for name in files:
        (Path(f"{stored.path}.files") / f"{name}.safetensors").write_bytes(b"x")
    with pytest.warns(RuntimeWarning, match="it will be computed again"):
        results = ablate.train(tmp_path / "more.yaml", store=stored.path)
    # The contributions of the model as it came are in one of the stores alone.
    assert told(results)[0] == told(expected)[0]


def test_what_is_lost_between_storing_and_judging_ends_the_run(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    put = Store.put_panel

    def put_and_lose(self: Store, panel: object) -> str:
        key = put(self, panel)  # type: ignore[arg-type]
        stored.sql("DELETE FROM ablate_panels")
        return key

    monkeypatch.setattr(Store, "put_panel", put_and_lose)
    stored.sql("DELETE FROM ablate_judgments")
    with pytest.raises(StoreError, match="the store has no pairs of stsb-dev for this run; run it again"):
        stored.run()
    monkeypatch.undo()
    assert stored.run().rows
