"""``--dry-run``: what would be done, without doing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablate.scorers.base import Scorer
from ablate.scorers.oracle import Oracle
from ablate.store.store import Store
from tests.bench import pairs
from tests.workplace import RECIPE, STORE, Workplace


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    return Workplace(tmp_path, monkeypatch, capsys)


def cells(out: str) -> list[str]:
    return [line.strip() for line in out.splitlines() if line.startswith("  ")]


FRESH = ["to do   dense", "to do   head align 25 %", "to do   head random 25 % seed 0"]


def test_cells_passes_and_an_estimate(place: Workplace) -> None:
    place.nothing_may_evaluate()
    ran = place.run(RECIPE, "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert cells(ran.out) == FRESH
    assert "data: senteval (asked for by its folder)" in ran.out
    assert "screen on stsb-dev: 3 cells, 0 cached" in ran.out
    assert "passes over the calibration set: gradient of align" in ran.out
    assert "estimate: " in ran.out
    assert "statistics: 2 cells compared with dense; about " in ran.out
    assert ran.out.splitlines()[-1].startswith("in all: about ")


def test_what_the_store_has_recorded_stands_in_for_a_probe(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    assert place.run(RECIPE, "--dry-run").out.endswith("; by a probe\n")
    assert place.run(RECIPE).code == 0
    monkeypatch.setattr("ablate.coordinator.speed.probed", lambda *_: pytest.fail("probed"))
    assert place.run(RECIPE, "--dry-run").out.endswith("in all: about 0 s; by the time of 3 cells in the store\n")
    more = RECIPE.replace("[align, random]", "[magnitude]")
    assert place.run(more, "--dry-run").out.endswith("; by the time of 1 cell in the store\n"), "of dense"


def test_a_busy_machine_is_named(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (7.24, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    told = "; by a probe; the load of the last minute was 7.2 on 4 cores\n"
    assert place.run(RECIPE, "--dry-run").out.endswith(told)
    monkeypatch.setattr("os.getloadavg", lambda: (2.0, 0.0, 0.0))
    assert place.run(RECIPE, "--dry-run").out.endswith("; by a probe\n")
    monkeypatch.delattr("os.getloadavg")
    assert place.run(RECIPE, "--dry-run").out.endswith("; by a probe\n"), "as on Windows"


def test_a_recipe_without_a_screen(place: Workplace) -> None:
    text = RECIPE.replace("screen: [sts-dev]", "screen: []") + "confirm: {tasks: [stsb], cells: all}\n"
    ran = place.run(text, "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert "no screen: 3 cells, 0 cached" in ran.out
    assert " to score units" in ran.out


def test_dimensions_are_named_and_counted_as_one_encoding(place: Workplace) -> None:
    text = RECIPE + "confirm: [stsb]\n"
    assert place.run(text).code == 0
    place.nothing_may_evaluate()
    ran = place.run(text + "truncate_dims: [16, 5]\n", "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert cells(ran.out) == FRESH, "the store has whole embeddings alone"
    assert "screen on stsb-dev, also at 16, 5 dimensions: 3 cells, 0 cached" in ran.out
    assert "then confirm on stsb, also at 16, 5 dimensions: " in ran.out
    refused = place.run(text + "truncate_dims: [16, 64]\n", "--dry-run")
    assert (refused.code, refused.out) == (2, "")
    told = "truncate_dims: 64 is more than the 32 components of the embeddings of model 'model'"
    assert refused.err == f"ablate: {told}; list numbers of at most 32\n"


def test_slow_scorers_whose_time_is_not_known_are_named(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scorer that takes hours must not hide behind an estimate of seconds; one that is stored takes none."""
    monkeypatch.setattr(Oracle, "work", Scorer.work)
    text = RECIPE.replace("[align, random]", "[align, {scorer: oracle, on: align, label: exact}]")
    named = "to screen; slow scorers, whose time is not estimated: exact\n"
    ran = place.run(text, "--dry-run")
    assert named in ran.out
    assert ran.out.splitlines()[-1].startswith("in all: about ")
    assert ", and what is not estimated; " in ran.out.splitlines()[-1]
    assert "slow" not in place.run(RECIPE, "--dry-run").out
    assert place.run(text).code == 0
    assert "slow" not in place.run(text, "--dry-run").out
    assert "slow" not in place.run(text.replace("0.25", "0.5"), "--dry-run").out
    assert named in place.run(text.replace("0.25", "0.5") + "steps: 2\n", "--dry-run").out


def test_trainings_of_gates_are_counted_seed_by_seed_and_share_by_share(place: Workplace) -> None:
    def cell(seeds: str, more: str = "", label: str = "gates") -> str:
        scorer = f"{{scorer: gates, updates: 40, gate_seeds: {seeds}, label: {label}}}"
        return f"  - - {{granularity: [head, neuron], scorer: {scorer}, sparsity: 0.25{more}}}\n"

    text = RECIPE.replace("sentences: 16", "sentences: 16, graded: 16") + "cells:\n"
    several = text + cell("[0, 1, 2]") + cell("[1, 2]", ", steps: 2", "two") + cell("[1, 2]", "", "mean")

    def told() -> list[str]:
        out = place.run(several, "--dry-run").out
        assert "slow scorers" not in out
        return [line for line in out.splitlines() if line.startswith("trainings of ")]

    # The third cell has those of the first. Two shares of one eighth each take two seeds each.
    assert told() == [
        "trainings of gates: at most 3, 120 updates; 0 of 3 are stored",
        "trainings of two: at most 4, 160 updates; 0 of 4 are stored",
    ]
    assert place.run(text + cell("[1]")).code == 0
    assert told()[0] == "trainings of gates: at most 2, 80 updates; 1 of 3 are stored"
    ran = place.run(several)
    assert (ran.code, ran.err.count("40 of 40 steps")) == (0, 6), "as many as were to do"
    assert told() == [
        "trainings of gates: at most 0, 0 updates; 3 of 3 are stored",
        "trainings of two: at most 0, 0 updates; 4 of 4 are stored",
    ]


def test_it_makes_no_store(place: Workplace) -> None:
    assert place.run(RECIPE, "--dry-run").code == 0
    assert place.files() == {}
    Path(STORE).touch()  # as a creation leaves it that was killed
    assert place.run(RECIPE, "--dry-run").code == 0
    assert place.files() == {STORE: b""}


def test_it_leaves_the_store_as_it_is(place: Workplace) -> None:
    assert place.run(RECIPE).code == 0
    before = place.files()
    place.nothing_may_evaluate()
    ran = place.run(RECIPE.replace("0.25", "0.25, 0.5"), "--dry-run")
    assert cells(ran.out) == [
        "cached  dense",
        "cached  head align 25 %",
        "to do   head align 50 %",
        "cached  head random 25 % seed 0",
        "to do   head random 50 % seed 0",
    ]
    assert "screen on stsb-dev: 5 cells, 3 cached" in ran.out
    assert "passes over the calibration set: none" in ran.out
    assert place.files() == before
    with Store(STORE, create=False) as store:
        assert len(store.runs()) == 1


def test_scorers_share_passes_and_contributions(place: Workplace) -> None:
    text = RECIPE.replace("[align, random]", "[align, uniform, combined]").replace(
        "[head]", "[head, neuron, unstructured]"
    )
    out = place.run(text, "--dry-run").out
    assert "9 contributions shared by the cells, 0 of them stored" in out
    assert "passes over the calibration set: gradient of align, gradient of uniform\n" in out


def test_passes_over_graded_pairs_are_planned(place: Workplace) -> None:
    text = RECIPE.replace("[align, random]", "[correlation]").replace("sentences: 16", "sentences: 16, graded: 16")
    assert "calibration set: gradient of correlation\n" in place.run(text, "--dry-run").out


def test_a_step_of_several_granularities_is_one_cell_that_shares_contributions(place: Workplace) -> None:
    step = "{granularity: [head, neuron], scorer: align, sparsity: {head: 0.25, neuron: 0.1}}"
    place.nothing_may_evaluate()
    out = place.run(f"{RECIPE}cells:\n  - - {step}\n", "--dry-run").out
    assert cells(out) == [*FRESH, "to do   head+neuron align 25 % + 10 %"]
    # Those of heads by align are needed by the grid too.
    assert "3 contributions shared by the cells, 0 of them stored" in out
    assert "passes over the calibration set: gradient of align\n" in out


def test_the_confirm_stage_is_counted(place: Workplace) -> None:
    text = RECIPE + "controls: {matched: 4, flipped: true}\nconfirm: [stsb]\n"
    # dense, the best of align with 4 matched and a flipped control, and random
    assert "then confirm on stsb: 8 cells, dense and controls included" in place.run(text, "--dry-run").out


def test_the_count_of_confirmed_cells_is_that_of_the_run(place: Workplace) -> None:
    text = RECIPE + "controls: {matched: 2}\nconfirm: [stsb]\n"
    assert "then confirm on stsb: 5 cells" in place.run(text, "--dry-run").out
    assert "confirm: 5 of 5 cells" in place.run(text).err
    out = place.run(text, "--dry-run").out
    assert "5 cells, dense and controls included, 5 cached; about 0 s" in out
    assert out.splitlines()[-1].startswith("in all: about 0 s; ")
    assert "statistics" not in out
    # Of three draws, two are stored, as are dense and both cells.
    assert "6 cells, dense and controls included, 5 cached" in place.run(text.replace("d: 2", "d: 3"), "--dry-run").out


def test_several_models_have_one_total(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablate.coordinator.speed.probed", lambda *_: 1.0)
    monkeypatch.setattr("ablate.coordinator.speed.resampling", lambda *_: None)
    one = place.run(RECIPE, "--dry-run").out.splitlines()[-1]
    text = RECIPE.replace("model: model", "model: [model, {name: model, label: again}]")
    *_, of_last, of_all = place.run(text, "--dry-run").out.splitlines()
    seconds = int(one.split()[3]) * 60
    # Without the load, which may have changed.
    assert of_last.split(";")[0] == one.split(";")[0]
    assert of_all in {f"all models: about {2 * seconds // 60 + more} min" for more in (-1, 0, 1)}


def test_draws_that_may_stop_early_are_counted_as_if_none_did(place: Workplace) -> None:
    draws = "controls: {matched: 10, screened: 9, stop_early: true}\nconfirm: [stsb]\n"
    out = place.run(RECIPE + draws, "--dry-run").out
    # Of align; random has none. All ten draws of the confirmed cell, which with dense and random are 13 cells.
    said = "none of cells no better than dense, fewer of settled ones (controls.stop_early)"
    assert f"matched draws: at most 19; {said}\n" in out
    assert "then confirm on stsb: 13 cells" in out
    assert "matched draws" not in place.run(RECIPE + draws.replace(", stop_early: true", ""), "--dry-run").out


def test_random_searches_are_counted(place: Workplace) -> None:
    text = (
        RECIPE.replace("sparsities: [", "sparsities: [0.5, ") + "controls: {matched: 2, searched: 3}\nconfirm: [stsb]\n"
    )
    out = place.run(text, "--dry-run").out
    # Align was chosen among two sparsities; random is not searched. Its rivals are confirmed with it.
    assert "random search: 6 masks scored on dev; about" in out
    assert "then confirm on stsb: 8 cells" in out
    ran = place.run(text)
    assert "search: 7 of 7 cells" in ran.err
    assert "confirm: 8 of 8 cells" in ran.err


def test_limit_and_set_count(place: Workplace) -> None:
    ran = place.run(RECIPE, "--dry-run", "--limit", "1", "--set", "sparsities=[0.5]")
    assert cells(ran.out) == ["to do   dense", "to do   head align 50 %"]


def test_markup_in_labels_is_text(place: Workplace) -> None:
    ran = place.run(RECIPE.replace("[align,", "[{scorer: align, label: '[red]x[/red]'},"), "--dry-run")
    assert "to do   head [red]x[/red] 25 %" in cells(ran.out)


def test_compare_previews_too(place: Workplace) -> None:
    place.nothing_may_evaluate()
    ran = place(
        *("compare", "--scorers", "magnitude", "--granularities", "head", "--sparsities", "0.5"),
        *("--model", "model", "--data", "senteval:data", "--dry-run"),
    )
    assert ran.code == 0, ran.err
    assert cells(ran.out) == ["to do   dense", "to do   head magnitude 50 %"]
    assert place.files() == {}


def test_near_duplicates_of_what_will_choose_are_counted(place: Workplace) -> None:
    rows = [f"{a},{b},{gold}" for a, b, gold in pairs(7, 12)]
    near = [f"{a}s,{b},{gold}" for a, b, gold in pairs(7, 12)[:2]] + [f"{a},{b},{gold}" for a, b, gold in pairs(8, 9)]
    for name, lines in (("dev.csv", rows), ("test.csv", near)):
        Path(name).write_text("\n".join(["text1,text2,score", *lines]))
    recipe = RECIPE.replace("[sts-dev]", "[mine]") + (
        "confirm: [held-out]\ntasks: {mine: {kind: sts, file: dev.csv}, held-out: {kind: sts, file: test.csv, split: test}}\n"
    )
    ran = place.run(recipe, "--dry-run")
    assert (
        "held-out: 2 items are near-duplicates (similarity 0.8 or more) of what calibrated or chose; Δ counts"
        in ran.out
    )
    assert "near-duplicates" not in place.run(recipe + "near_duplicates: ignore\n", "--dry-run").out
