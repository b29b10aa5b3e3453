"""Mistakes in what a model is to be trained on or how: one line with its place, status 2, before anything is computed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.workplace import RECIPE, Workplace

ONE_COLUMN = "expected 2 (a sentence and its positive) or 3 (also a hard negative); correct the line"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    made = Workplace(tmp_path, monkeypatch, capsys)
    made.nothing_may_load()
    return made


def refused(place: Workplace, recipe: str) -> str:
    Path("r.yaml").write_text(recipe)
    said = place.refused(place("train", "r.yaml"))
    assert place.files() == {name: content for name, content in place.files().items() if name.startswith("t.")}
    return said


TEXTS = {
    "sentences: t.txt": {
        b"one\n\ntwo\n": "t.txt:2: an empty sentence; correct the line, or copy the file again",
        b"one\n \t\ntwo\n": "t.txt:2: an empty sentence; correct the line, or copy the file again",
        b"one\n": "t.txt: 1 distinct example, and training needs 2, since other examples are the negatives",
        b"one\none\n": "t.txt: 1 distinct example, and training needs 2, since other examples are the negatives",
        b"": "t.txt:1: the file is empty; copy it again",
        b"one\ncaf\xe9\n": "t.txt:2: not UTF-8; convert the file to UTF-8, or copy it again",
    },
    "pairs: t.tsv": {
        b"a\n": f"t.tsv:1: 1 tab-separated columns, {ONE_COLUMN}",
        b"a\tb\tc\td\n": f"t.tsv:1: 4 tab-separated columns, {ONE_COLUMN}",
        b"a\tb\na\tb\tc\n": "t.tsv:2: 3 tab-separated columns, expected 2; correct the line",
        b"a\tb\nc\n": "t.tsv:2: 1 tab-separated columns, expected 2; correct the line",
        b"a\tb\n\nc\td\n": "t.tsv:2: 1 tab-separated columns, expected 2; correct the line",
        b"a\tb\t4.20\nc\td\t0\n": "t.tsv: column 3 has only numbers, such as '0', where sentences should be; are these gold "
        "scores or labels? Remove the column",
        b"s1\ts2\na\t1\nb\t1\n": "t.tsv: column 2 has only numbers, such as '1', where sentences should be; are these gold "
        "scores or labels? Remove the column",
        b"a\tb\nc\td\n": "t.tsv: 2 distinct examples, and train.batch_size asks for 64 in a batch; lower it to at most 2, "
        "or train on more",
        b"a\t\nc\td\n": "t.tsv:1: an empty sentence; correct the line, or copy the file again",
    },
    "pairs: t.jsonl": {
        b'{"anchor": "a", "positive": "b"}\nnot json\n': "t.jsonl:2: not JSON (Expecting value: line 1 column 1 (char 0)); "
        "correct the line",
        b'{"anchor": "a"}\n': "t.jsonl:1: expected an object with anchor, positive and nothing else; correct the line",
        b'{"anchor": "a", "positive": 3}\n': "t.jsonl:1: anchor, positive must be texts; correct the line",
        b'{"anchor": "a", "positive": "b"}\n{"anchor": "a", "positive": "b", "negative": "c"}\n': "t.jsonl:2: expected an "
        "object with anchor, positive and nothing else; correct the line",
        b'["a", "b"]\n': "t.jsonl:1: expected an object with anchor, positive and nothing else; correct the line",
    },
}


@pytest.mark.parametrize(
    ("source", "content", "said"), [(source, *case) for source, cases in TEXTS.items() for case in cases.items()]
)
def test_a_malformed_file(place: Workplace, source: str, content: bytes, said: str) -> None:
    Path(source.split()[1]).write_bytes(content)
    in_the_file = re.match(r"[\w.]+:\d", said)
    assert refused(place, RECIPE + f"train: {{{source}}}\n") == ("" if in_the_file else "r.yaml:8:9: ") + said


def test_a_file_that_is_not_there(place: Workplace) -> None:
    said = refused(place, RECIPE + "train: {sentences: t.txt}\n")
    assert said == "r.yaml:8:9: t.txt: No such file or directory; copy the file there, or leave out its data set"


RECIPES = {
    RECIPE: "r.yaml:1:1: has no `train`; add `train: {}`, or use `ablate run`",
    RECIPE
    + "train: {sentences: a, pairs: b}\n": "r.yaml:8:23: sentences and pairs are two sources of examples; give one",
    RECIPE
    + "train: {ways: [rewind, rewind]}\n": "r.yaml:8:9: a value is listed twice: 'rewind, rewind'; list each once",
    RECIPE + "train: {ways: [rewnd]}\n": "r.yaml:8:16: train.ways.0: must be 'prune-then-train', 'gradual', "
    "'train-then-prune' or 'rewind', not 'rewnd'; did you mean 'rewind'?",
    RECIPE + "train: {batchsize: 8}\n": "r.yaml:8:9: unknown key 'batchsize'; did you mean 'batch_size'?",
    RECIPE + "train: {batch_size: 1}\n": "r.yaml:8:9: train.batch_size: must be at least 2, not 1",
    RECIPE + "train: {learning_rate: 0}\n": "r.yaml:8:9: train.learning_rate: must be above 0, not 0",
    RECIPE + "train: {gradual: {until: 1.5}}\n": "r.yaml:8:19: train.gradual.until: must be at most 1, not 1.5",
    RECIPE + "train: {splits: [stsb]}\n": "r.yaml:8:18: 'stsb' is a test set, which must only report; name a train set",
    RECIPE
    + "train: {splits: [sick-train]}\n": "r.yaml:8:18: unknown data set 'sick-train'; did you mean 'sickr-train'?",
    RECIPE.replace("[sts-dev]", "[stsb]") + "train: {}\n": "r.yaml:7:1: 'stsb' is a test set, which must not choose a "
    "checkpoint; list a dev set, and test sets under confirm",
    RECIPE.replace("[sts-dev]", "[geometry]")
    + "train: {}\n": "r.yaml:7:1: no screen task can choose the best checkpoint; list sts-dev",
    RECIPE
    + "train: {precision: bf16}\n": "r.yaml:8:9: bf16 needs a GPU, and there is none here; use precision: float32",
    RECIPE.replace("align, random", "{scorer: align, sign: signed}").replace("0.25", "negative") + "train: {}\n": (
        "r.yaml:8:1: gradual increases one sparsity, and 'head align negative' is `negative`, which is not a share of the "
        "units; leave gradual out"
    ),
    RECIPE
    + "cells: [[{granularity: head, scorer: align, sparsity: 0.1}, {granularity: neuron, scorer: align, sparsity: 0.1}]]\n"
    + "train: {}\n": (
        "r.yaml:9:1: gradual increases one sparsity, and 'head align 10 % > neuron align 10 %' is a sequence of steps; "
        "leave gradual out"
    ),
}


@pytest.mark.parametrize(("recipe", "said"), RECIPES.items())
def test_a_wrong_recipe(place: Workplace, recipe: str, said: str) -> None:
    assert refused(place, recipe) == said


def test_run_says_that_it_does_not_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Workplace(tmp_path, monkeypatch, capsys)
    ran = place.run(RECIPE + "train: {}\n")
    assert ran.code == 0
    assert ran.err.startswith(
        "`ablate run` ignores the recipe's `train` and prunes the model as it is; `ablate train` also trains it\n"
    )


def test_a_preview_trains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Workplace(tmp_path, monkeypatch, capsys)
    Path("r.yaml").write_text(RECIPE + "train: {ways: [rewind, train-then-prune]}\n")
    ran = place("train", "r.yaml", "--dry-run")
    assert ran.code == 0
    assert "head align 25 %, rewind" in ran.out
    assert "dense, trained" in ran.out
    assert "trainings: at most 3; about" in ran.out
    assert place.files() == {}
