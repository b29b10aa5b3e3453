"""``ablate diff``: two cells of a stored run, against scores and intervals that are known otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner, Result

from ablate.cli import app
from ablate.errors import AblateError
from ablate.judge.difference import Difference, differences
from ablate.plugins import registry
from ablate.recipe.recipe import Statistics
from ablate.report.results import Results
from ablate.store.store import Store
from ablate.testing.tiny import save_tiny
from tests.bench import Bench, known, module_bench, one  # noqa: F401  # one is a fixture

SETTINGS = Statistics(resamples=300)


@pytest.fixture(scope="module")
def results(bench: Bench) -> Results:
    return bench.run(
        scorers=["magnitude", "random"],
        sparsities=[0.25, 0.5],
        seeds=[0, 1],
        confirm={"tasks": ["stsb", "sickr"], "cells": "all"},
        controls={"matched": 3},
        statistics={"resamples": 300},
    )


def found(bench: Bench, results: Results, a: str, b: str = "dense") -> dict[tuple[str, str | None], Difference]:
    with Store(bench.store, create=False) as store:
        made = differences(results, store, registry(), a, b, SETTINGS)
    return {(stage.name, item.task): item for stage, items in made for item in items}


def test_against_dense_it_is_the_evidence_of_the_run(bench: Bench, results: Results) -> None:
    made = found(bench, results, "head × random 50 %")
    assert list(made) == [("screen", "stsb-dev"), ("confirm", "stsb"), ("confirm", "sickr"), ("confirm", None)]
    for (stage, task), item in made.items():
        (known,) = (
            e
            for e in results.evidence
            if (e.stage, e.task, e.cell, e.against) == (stage, task, "head × random 50 %", "dense")
        )
        assert (item.compared.delta, item.compared.low, item.compared.high, item.p) == pytest.approx(
            (known.delta, known.low, known.high, known.p_different)
        )


def test_a_minus_b_from_the_scores_of_the_rows(bench: Bench, results: Results) -> None:
    made = found(bench, results, "head magnitude 25 %", "head random 50 % seed 1")
    for (_, task), item in made.items():
        if task:
            a, b = (
                known(one(results, cell=cell, task=task, control=None).score_clean)
                for cell in (
                    "head magnitude 25 %",
                    "head random 50 % seed 1",
                )
            )
            assert (item.a, item.b, item.compared.delta) == pytest.approx((a, b, a - b))
    turned = found(bench, results, "head random 50 % seed 1", "head magnitude 25 %")
    for place, item in made.items():
        other = turned[place]
        assert (other.compared.low, other.compared.high) == pytest.approx((-item.compared.high, -item.compared.low))
        assert other.p == pytest.approx(item.p, abs=0.02)


def test_a_cell_has_many_names(bench: Bench, results: Results) -> None:
    key = one(results, cell="head magnitude 25 %", task="stsb", control=None).key
    plain = found(bench, results, "head × magnitude 25 %")
    for name in (key, key[:10], "head magnitude 25 %"):
        assert {place: item.compared.delta for place, item in found(bench, results, name).items()} == {
            place: item.compared.delta for place, item in plain.items()
        }
    control = found(bench, results, "head × magnitude 25 %", "head magnitude 25 % (matched 1)")
    assert set(control) == {("confirm", "stsb"), ("confirm", "sickr"), ("confirm", None)}


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("head × magnitud 25 %", "dense", "the run has no cell 'head × magnitud 25 %'; did you mean 'head × magnitude"),
        ("dense", "zzz", "the run has no cell 'zzz'; `ablate show` lists them"),
        ("dense", "", "the run has no cell ''"),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(bench: Bench, results: Results, a: str, b: str, message: str) -> None:
    with pytest.raises(AblateError, match=message):
        found(bench, results, a, b)


def invoke(bench: Bench, *words: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(app, ["diff", *words, "--store", str(bench.store)])


def test_the_command_prints_tasks_and_mean(bench: Bench, results: Results) -> None:
    bench.encodes = 0
    shown = invoke(bench, "head × magnitude 25 %")
    assert shown.exit_code == 0
    assert bench.encodes == 0
    lines = shown.output.splitlines()
    assert lines[:3] == ["A: head × magnitude 25 %", "B: dense", "Δ = A - B"]
    row = one(results, cell="head magnitude 25 %", task="sickr", control=None)
    (line,) = (line for line in lines if line.startswith("sickr"))
    expected = [f"{row.score_clean:.2f}", f"{row.dense_clean:.2f}", f"{row.delta_clean:+.2f}"]
    expected += [f"{row.low:+.2f}", "to", f"{row.high:+.2f}"]
    assert line.split()[1:7] == expected
    assert any(line.startswith("mean") for line in lines)
    assert max(map(len, lines)) <= 80


def test_mistakes_are_one_line(bench: Bench, results: Results, tmp_path: Path) -> None:
    assert "no cell 'nothing'" in str(invoke(bench, "nothing").exception)
    assert "there is no run 'nope'" in str(invoke(bench, "dense", "dense", "--run", "nope").exception)
    copy = tmp_path / "copy.db"
    copy.write_bytes(bench.store.read_bytes())
    with create_engine(f"sqlite:///{copy}").begin() as connection:
        connection.execute(text("DELETE FROM ablate_panels"))
    (tmp_path / "copy.db.files").mkdir()
    with (
        Store(copy, create=False) as store,
        pytest.raises(AblateError, match="no pairs of stsb-dev for this run; run it"),
    ):
        differences(results, store, registry(), "head × magnitude 25 %", "dense", SETTINGS)


def test_of_several_models_one_is_named(bench: Bench, tmp_path: Path) -> None:
    other = save_tiny(bench.root / "other", seed=1)
    store = tmp_path / "two.db"
    results = bench.run(store=store, model=[str(bench.model), str(other)], controls={"matched": 0})

    def told(*words: str) -> Result:
        return CliRunner(env={"COLUMNS": "200"}).invoke(app, [*words, "--store", str(store)])

    both = told("diff", "head × magnitude 25 %").output
    assert [model in both for model in results.about.models] == [True, True]
    one_alone = told("diff", "head × magnitude 25 %", "--model", results.about.models[1]).output
    assert [model in one_alone for model in results.about.models] == [False, True]
    row = one(results, model="other", cell="head magnitude 25 %")
    assert f"{row.delta_clean:+.2f}" in one_alone
    wrong = told("diff", "head × magnitude 25 %", "--model", "othe")
    assert "has no model 'othe'; did you mean 'other'?" in str(wrong.exception)
    # The same text in both models: the message tells them apart.
    unclear = told("export", "head × magnitude 25 %", "-o", str(tmp_path / "out"))
    assert str(unclear.exception) == (
        "'head × magnitude 25 %' is a cell of 2 models; add --model model or --model other"
    )
    exported = told("export", "head × magnitude 25 %", "-o", str(tmp_path / "out"), "--model", "other", "--no-costs")
    assert exported.exit_code == 0, exported.exception
    assert json.loads((tmp_path / "out" / "ablate.json").read_text())["key"] == row.key
