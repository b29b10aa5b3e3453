"""A run in bf16: keys of its own for results, none for scores and masks, and a note on what the precision changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ablate.coordinator.run import execute
from ablate.judge.difference import differences
from ablate.plan.job import prepare_job
from ablate.plugins import registry
from ablate.recipe.document import Document
from ablate.recipe.recipe import Recipe
from ablate.record import RunRecord, devices_note, precision_note
from ablate.report.html.provenance import Origin, facts
from ablate.report.layout import build
from ablate.report.prevalence_page import page as prevalence_page
from ablate.report.results import Results
from ablate.report.stability_page import page as stability_page
from ablate.store.store import Store
from ablate.studies.prevalence import prevalence
from ablate.studies.prevalence_record import PrevalenceRecord
from ablate.studies.records import from_dict, to_dict
from ablate.studies.stability import stability
from tests.bench import Bench, known, make_bench, one

GRID: dict[str, Any] = {
    "scorers": ["align"],
    "sparsities": [0.25],
    "screen": ["stsb-dev", "sickr-dev"],
    "confirm": ["stsb"],
}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def notes(results: RunRecord) -> list[tuple[str, ...]]:
    return [table.notes for block in build(results).blocks for table in block.tables]


def test_results_have_keys_of_their_own_and_contributions_are_shared(bench: Bench) -> None:
    exact = bench.run(**GRID)
    passes, encodes = len(bench.passes), bench.encodes
    close = bench.run(**GRID, precision="bf16")
    assert len(bench.passes) == passes, "contributions are those of float32"
    assert [row.key for row in close.rows] == [row.key for row in exact.rows], "and so are cells and masks"
    assert not {row.result for row in close.rows} & {row.result for row in exact.rows}
    assert bench.encodes > encodes
    differences_ = [abs(known(a.score) - known(b.score)) for a, b in zip(close.rows, exact.rows, strict=True)]
    assert 0 < max(differences_) < 5
    encodes = bench.encodes
    again = bench.run(**GRID, precision="bf16")
    assert bench.encodes == encodes
    assert again.about.counts == f"{again.about.cached} cached, 0 computed, 0 failed"
    assert again.about.precision_effects == close.about.precision_effects


def test_the_note_says_how_much_the_scores_of_dense_differ(bench: Bench, tmp_path: Path) -> None:
    close = bench.run(**GRID, precision="bf16")
    exact = bench.run(store=tmp_path / "other.db", **GRID)
    effects = (close.about.precision_effects or {})["model"]
    assert list(effects) == ["stsb-dev", "sickr-dev", "stsb"]
    for task, effect in effects.items():
        ours, theirs = (known(one(results, cell="dense", task=task).score) for results in (close, exact))
        assert effect == ours - theirs
    screen, *_, confirm = [text for text in notes(close) if any("bf16" in note for note in text)]
    worst = max(("stsb-dev", "sickr-dev"), key=lambda task: abs(effects[task]))
    assert precision_note("bf16", {worst: effects[worst]}, "points") in screen
    assert (
        f"Evaluated in bf16: on dense, scores differ from those in float32 by at most {abs(effects['stsb']):.2g} points "
        "(stsb)."
    ) in confirm
    assert len(notes(close)) == sum(any("bf16" in note for note in text) for text in notes(close))
    assert "device: cpu, evaluated in bf16" in build(close).head
    assert ("precision", "bf16") in dict(facts(close, Origin()))["Run"]
    # Nothing of it in float32.
    assert exact.about.precision_effects is None
    assert not any("float32" in note or "device" in note for text in notes(exact) for note in text)
    assert not any("device" in line for line in build(exact).head)


def test_a_dense_model_that_has_no_score_in_it_is_said() -> None:
    assert precision_note("fp16", {}, "points") == (
        "Evaluated in fp16; dense has no score with which to compare it with float32."
    )
    assert devices_note(["cpu", None, "cpu"]) == devices_note([]) == ()


def test_the_record_survives_the_store_and_an_old_one_is_read(bench: Bench) -> None:
    close = bench.run(**GRID, precision="bf16")
    with Store(bench.store, create=False) as store:
        rows, about = store.rows(close.about.run), store.about(close.about.run)
    read = RunRecord.from_plain(rows, about)
    assert read.about.devices == {"model": "cpu"}
    assert read.about.precision_effects == close.about.precision_effects
    for row in rows:
        del row["device"]
    del about["devices"], about["precision_effects"], about["recipe"]["precision"], about["recipe"]["device"]
    old = RunRecord.from_plain(rows, about)
    assert {row.device for row in old.rows} == {None}
    assert old.about.precision == "float32"
    assert Recipe.model_validate(old.about.recipe).device == "auto"
    assert not any("device" in note for text in notes(old) for note in text)


def test_a_difference_of_cells_from_two_devices_says_so(bench: Bench) -> None:
    results = bench.run(**GRID)
    rows = [
        row.__class__(**{**row.to_dict(), "device": row.device if row.cell == "dense" else "mps"})
        for row in results.rows
    ]
    mixed = Results(rows, results.about)
    with Store(bench.store, create=False) as store:
        cell = next(row.cell for row in rows if row.chosen)
        recipe = Recipe.model_validate(results.about.recipe)
        found = differences(mixed, store, registry(), cell, "dense", recipe.statistics)
        alone = differences(results, store, registry(), cell, "dense", recipe.statistics)
    assert {difference.devices for _, of in found for difference in of} == {("mps", "cpu")}
    assert {difference.devices for _, of in alone for difference in of} == {("cpu",)}


def test_studies_evaluate_in_it_and_say_so(bench: Bench) -> None:
    given = {
        "scorers": ["align"],
        "prevalence": {"confirm": ["stsb"]},
        "stability": {"calibration_seeds": [0, 1], "sizes": [8], "batch_sizes": [4]},
        "statistics": {"resamples": 200},
    }
    recipe = bench.recipe(precision="bf16", **given)
    job = prepare_job(recipe, Document("recipe", recipe.model_dump(mode="json", by_alias=True)))
    with Store(bench.store) as store:
        record, stable = prevalence(job, store), stability(job, store)
        # The dense model and the groups have the keys of cells with the same masks.
        cells = Results.of(execute(job, store))
    (note,) = record.notes
    assert note.startswith("Evaluated in bf16: on dense, scores differ from those in float32 by at most ")
    assert note in stable.notes
    assert note in prevalence_page(record).head
    assert note in stability_page(stable).head
    assert "device: cpu, evaluated in bf16" in prevalence_page(record).head
    assert one(cells, cell="dense").cached
    assert from_dict(PrevalenceRecord, to_dict(record)) == record
    exact = bench.recipe(**given)
    with Store(bench.store) as store:
        plain = prevalence(prepare_job(exact, Document("r", exact.model_dump(mode="json", by_alias=True))), store)
    assert plain.notes == ()
    assert not any("device" in line for line in prevalence_page(plain).head)
    assert plain.maps != record.maps
