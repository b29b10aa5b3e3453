"""``--dev``, ``--test`` and ``--task``: own files in runs and comparisons, without a recipe's section ``tasks``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ablate
from ablate.recipe.own_options import OwnFiles, entries, name_of, put_into
from ablate.recipe.recipe import load_recipe
from tests.bench import pairs
from tests.workplace import RECIPE, Workplace

FLAGS = ("--model", "model", "--data", "senteval:data", "--granularities", "head", "--sparsities", "0.25")


def written(name: str, seed: int, count: int = 30) -> None:
    rows = [f"{a},{b},{gold}\n" for a, b, gold in pairs(seed, count)]
    Path(name).write_text("text_a,text_b,similarity\n" + "".join(rows))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    made = Workplace(tmp_path, monkeypatch, capsys)
    written("pairs.csv", 7)
    written("held out.csv", 8)
    labels = [f"{a}\t{b}\t{int(gold > 2.5)}\n" for a, b, gold in pairs(9, 30)]
    Path("faq.tsv").write_text("text1\ttext2\tlabel\n" + "".join(labels))
    return made


@pytest.mark.parametrize(
    ("split", "file", "name"),
    [
        ("dev", "pairs.csv", "dev-pairs"),
        ("test", "folder/pairs.v2.jsonl", "test-pairs.v2"),
        ("dev", "dev.csv", "dev"),
        ("dev", "dev-2.csv", "dev-2"),
        ("test", "dev.csv", "test-dev"),
        ("test", "stsb.csv", "test-stsb"),
        ("test", "my @ pairs, 2.csv", "test-my-pairs-2"),
        ("test", "@.csv", "test"),
    ],
)
def test_names(split: str, file: str, name: str) -> None:
    assert name_of(split, Path(file)) == name


@pytest.mark.usefixtures("place")
def test_what_files_are_taken_for() -> None:
    made = entries(OwnFiles(Path("pairs.csv"), Path("held out.csv"), ("faq=faq.tsv", "scored=sts:faq.tsv")))
    assert [(entry.name, entry.parameters["kind"], entry.parameters["split"]) for entry in made] == [
        ("faq", "pairs", "dev"),
        ("scored", "sts", "dev"),
        ("dev-pairs", "sts", "dev"),
        ("test-held-out", "sts", "test"),
    ]
    assert made[2].parameters["columns"] == {"first": "text_a", "second": "text_b", "score": "similarity"}


def test_a_column_of_splits_is_used(place: Workplace) -> None:
    rows = [f"{a},{b},{gold},{('dev', 'test')[i % 2]}\n" for i, (a, b, gold) in enumerate(pairs(3, 40))]
    Path("all.csv").write_text("text_a,text_b,similarity,split\n" + "".join(rows))
    ran = place("compare", "--scorers", "magnitude", *FLAGS, "--dev", "all.csv", "--test", "all.csv", "--dry-run")
    assert ran.code == 0, ran.err
    assert "dev-all: all.csv (sha256 " in ran.out
    assert "; 20 of 40 rows, by column split: dev 20, test 20\n" in ran.out
    assert "screen on dev-all: " in ran.out
    assert "then confirm on test-all: " in ran.out


def test_a_comparison_on_own_files(place: Workplace) -> None:
    given = ("--dev", "pairs.csv", "--task", "faq=faq.tsv", "--format", "json")
    ran = place("compare", "--scorers", "magnitude", *FLAGS, *given)
    assert ran.code == 0, ran.err
    rows = json.loads(ran.out)
    # In place of sts-dev, and nothing is held out.
    assert {(row["cell"], row["task"], row["stage"]) for row in rows} == {
        (cell, task, "screen") for cell in ("dense", "head magnitude 25 %") for task in ("faq", "dev-pairs")
    }
    ran = place("compare", "--scorers", "magnitude", *FLAGS, *given, "--tasks", "stsb")
    assert {row["task"] for row in json.loads(ran.out)} == {"faq", "dev-pairs", "stsb"}


def test_a_comparison_with_a_test_file_confirms_the_best(place: Workplace) -> None:
    given = ("--dev", "pairs.csv", "--test", "held out.csv", "--format", "json", "--sparsities", "0.25,0.5")
    ran = place("compare", "--scorers", "magnitude", *FLAGS, *given)
    assert ran.code == 0, ran.err
    rows = json.loads(ran.out)
    assert {row["task"] for row in rows if row["stage"] == "screen"} == {"dev-pairs"}
    confirmed = {row["cell"] for row in rows if row["stage"] == "confirm" and row["task"] == "test-held-out"}
    chosen = {row["cell"] for row in rows if row["stage"] == "screen" and row["chosen"]}
    assert len(chosen) == 1
    assert confirmed >= {"dense", *chosen}
    # Only the test file: the standard dev set chooses.
    ran = place("compare", "--scorers", "magnitude", *FLAGS, *given[2:])
    assert {row["task"] for row in json.loads(ran.out) if row["stage"] == "screen"} == {"stsb-dev"}


def test_a_run_on_own_files(place: Workplace) -> None:
    text = RECIPE + "confirm: [stsb]\ncontrols: {matched: 2}\nstatistics: {margins: {stsb: 1.0}, resamples: 100}\n"
    ran = place.run(text, "--dev", "pairs.csv", "--test", "held out.csv", "--format", "json")
    assert ran.code == 0, ran.err
    assert {(row["stage"], row["task"]) for row in json.loads(ran.out)} == {
        ("screen", "dev-pairs"),
        ("confirm", "test-held-out"),
    }
    shown = place("show").out
    assert "dev-pairs: pairs.csv (sha256 " in shown
    assert "test-held-out: held out.csv (sha256 " in shown
    # In Python, they are the same tasks.
    results = ablate.run("r.yaml", store="ablate.db", dev="pairs.csv", test=Path("held out.csv"))
    assert all(row.cached for row in results.rows)
    given: dict[str, Any] = {"model": Path("model"), "data": "senteval:data", "granularities": ["head"]}
    results = ablate.compare(["magnitude"], sparsities=[0.25], files=["faq=faq.tsv"], dev="pairs.csv", **given)
    assert {row.task for row in results.rows} == {"faq", "dev-pairs"}


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("text", "screen", "confirm", "tasks"),
    [
        ("screen: [stsb-dev]\n", ["dev-pairs"], ["test-faq"], set()),
        ("confirm: all\n", ["dev-pairs"], {"tasks": ["test-faq"], "cells": "all"}, set()),
        (
            "confirm: {tasks: [transfer, stsb], cells: all}\n"
            "tasks: {transfer: {protocol: full}, mr: {protocol: full}, geometry: {}}\n",
            ["dev-pairs"],
            {"tasks": ["test-faq"], "cells": "all"},
            {"geometry"},
        ),
        ("confirm: [mr]\nprevalence: {confirm: [mr]}\ntasks: {mr: {}}\n", ["dev-pairs"], ["test-faq"], {"mr"}),
    ],
)
def test_what_is_replaced(text: str, screen: object, confirm: object, tasks: set[str]) -> None:
    Path("r.yaml").write_text(RECIPE.replace("screen: [sts-dev]\n", "") + text)
    _, document = load_recipe("r.yaml", files=OwnFiles(Path("pairs.csv"), Path("faq.tsv")))
    plain = document.plain()
    assert (plain["screen"], plain["confirm"]) == (screen, confirm)
    assert set(plain["tasks"]) == {"dev-pairs", "test-faq", *tasks}
    assert document.place(("tasks", "dev-pairs", "kind")) == "dev='pairs.csv'"
    untouched = load_recipe("r.yaml")[1].plain()
    same = load_recipe("r.yaml", files=OwnFiles())[1]
    put_into(same, OwnFiles())
    assert same.plain() == untouched


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--dev", "nope.csv"), "--dev nope.csv: nope.csv: No such file or directory; correct the path"),
        (("--test", "model"), "--test model: model: a folder that neither `save_to_disk`"),
        (("--task", "mine"), "--task mine: not of the form NAME=FILE or NAME=KIND:FILE; write it as in --task mine="),
        (("--task", "mine=pairs:pairs.csv"), "--task mine=pairs:pairs.csv: pairs.csv:3:66: 'similarity' is"),
        (("--task", "sts=pairs.csv"), "--task sts=pairs.csv: 'sts' is a group of tasks; give your file another name"),
        (("--task", "stsb=pairs.csv"), "--task stsb=pairs.csv: 'stsb' is another task's name; give your file one of"),
        (("--task", "a=pairs.csv", "--task", "a=faq.tsv"), "--task a=faq.tsv: a second task 'a'; name one otherwise"),
        (
            ("--dev", "pairs.csv", "--test", "pairs.csv"),
            "--test pairs.csv: pairs.csv is test in task 'test-pairs' and dev in 'dev-pairs'; what chooses must not",
        ),
    ],
)
def test_errors_name_the_option(place: Workplace, given: tuple[str, ...], told: str) -> None:
    place.nothing_may_load()
    assert place.refused(place("compare", "--scorers", "magnitude", *FLAGS, *given)).startswith(told)
    if given[0] != "--task":
        assert place.refused(place.run(RECIPE, *given)).startswith(told)
