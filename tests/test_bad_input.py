"""A user's mistake is one line that names the place and the remedy, status 2, and costs nothing."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from ablate.cli import main
from ablate.testing.tiny import save_tiny

GOOD = {
    "model": "{model}",
    "data": "{{senteval: '{data}'}}",
    "scorers": "[magnitude]",
    "granularities": "[head]",
    "sparsities": "[0.25]",
    "screen": "[stsb-dev]",
}
TRAIN = "main\tfile\t2012\t0\t{gold}\tone sentence\tanother sentence\n"


def ablate(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["ablate", *words])
    try:
        main()
    except SystemExit as end:
        return end.code
    return 0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_tiny(tmp_path / "model")
    sets = tmp_path / "data" / "STS" / "STSBenchmark"
    sets.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        (sets / f"sts-{split}.csv").write_text("".join(TRAIN.format(gold=g / 2) for g in range(10)))
    return tmp_path


def recipe(folder: Path, **changes: str | None) -> str:
    lines = {**GOOD, **changes}
    text = "".join(f"{key}: {value}\n" for key, value in lines.items() if value is not None)
    path = folder / "r.yaml"
    path.write_text(text.format(model=folder / "model", data=folder / "data"))
    return path.name


@pytest.mark.parametrize(
    ("changes", "place", "says"),
    [
        ({"scorrers": "[align]"}, "r.yaml:7:1", "did you mean 'scorers'"),
        ({"scorers": "[magnitud]"}, "r.yaml:3:11", "did you mean 'magnitude'"),
        ({"scorers": "[{{scorer: combined, lambda: 2}}]"}, "r.yaml:3:30", "lambda"),
        ({"scorers": "[{{scorer: combined, lamda: 1}}]"}, "r.yaml:3:30", "did you mean 'lambda'"),
        ({"scorers": "[random, random]"}, "r.yaml:3:19", "label"),
        ({"scorers": "[]"}, "r.yaml:3:1", "empty grid"),
        ({"scorers": "7"}, "r.yaml:3", "scorers"),
        ({"granularities": "[heads]"}, "r.yaml:4:17", "did you mean 'head'"),
        ({"sparsities": "[0.1, 1.0]"}, "r.yaml:5:19", "sparsit"),
        ({"sparsities": "[-0.1]"}, "r.yaml:5:14", "sparsit"),
        ({"sparsities": "[.nan]"}, "r.yaml:5:14", "sparsit"),
        ({"sparsities": "[true]"}, "r.yaml:5:14", "sparsit"),
        ({"sparsities": "[negative]"}, "r.yaml:5:14", "never gives"),
        ({"steps": "two"}, "r.yaml:7:1", "whole number"),
        ({"screen": "[stsb-dve]"}, "r.yaml:6:10", "did you mean 'stsb-dev'"),
        ({"screen": "[sts12]"}, "r.yaml:6:10", "sts12"),
        ({"executor": "in-proces"}, "r.yaml:7:1", "did you mean 'in-process'"),
        ({"model": "[1"}, "r.yaml:", "expected"),
        ({"calibration": "{{pears: 3}}"}, "r.yaml:7:15", "did you mean 'pairs'"),
        ({"data": "hub"}, "r.yaml:2:1", "ablate data fetch"),
        ({"data": "{{senteval: nowhere}}"}, "r.yaml:2:8", "nowhere"),
        ({"model": None}, "r.yaml", "model"),
    ],
)
def test_a_wrong_recipe(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str | None],
    place: str,
    says: str,
) -> None:
    code = ablate(monkeypatch, "run", recipe(folder, **changes))
    out, error = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert re.fullmatch(rf"ablate: [^\n]*{re.escape(place)}[^\n]*{re.escape(says)}[^\n]*\n", error), error
    assert not (folder / "ablate.db").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2\n", r"r.yaml:2:1: found duplicate key"),
        ("- 1\n", r"r.yaml:1:1: .*mapping"),
        ("", r"r.yaml:1:1: .*mapping"),
        ("a: \tb: c: d\n", r"r.yaml:1:\d+"),
    ],
)
def test_what_is_no_recipe(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    (folder / "r.yaml").write_text(text)
    assert ablate(monkeypatch, "run", "r.yaml") == 2
    assert re.fullmatch(rf"ablate: [^\n]*{says}[^\n]*\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("STS/STSBenchmark/sts-dev.csv", None, "r.yaml:6:10: .stsb-dev. is not in the source"),
        ("STS/STSBenchmark/sts-dev.csv", TRAIN.format(gold="much"), "sts-dev.csv:1: .*much"),
        ("STS/STSBenchmark/sts-dev.csv", TRAIN.format(gold=1) + "main\tfile\n", "sts-dev.csv:2: .*columns"),
        ("STS/STSBenchmark/sts-dev.csv", TRAIN.format(gold=1) + "main\tfile\t2012\t1\t3\tone", "sts-dev.csv:2"),
    ],
)
def test_data_that_are_malformed(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    content: str | None,
    says: str,
) -> None:
    path = folder / "data" / file
    path.unlink() if content is None else path.write_text(content)
    assert ablate(monkeypatch, "run", recipe(folder)) == 2
    assert re.search(rf"ablate: [^\n]*{says}[^\n]*\n\Z", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda model: (model / "model.safetensors").unlink(), "weights"),
        (lambda model: (model / "model.safetensors").rename(model / "pytorch_model.bin"), "pickle"),
        (
            lambda model: (model / "model.safetensors").write_bytes(b"cut"),
            "cannot be loaded: .*header too small.*again",
        ),
        (lambda model: (model / "config.json").write_text('{"model_type": "t5"}'), "'t5' is not supported.*bert"),
    ],
)
def test_models_that_cannot_be_loaded(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: object,
    says: str,
) -> None:
    assert callable(spoil)
    spoil(folder / "model")
    assert ablate(monkeypatch, "run", recipe(folder)) == 2
    assert re.search(rf"ablate: [^\n]*{says}[^\n]*\n\Z", capsys.readouterr().err)


def test_a_store_of_another_program_is_left_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "other.db").write_text("my shopping list\n")
    assert ablate(monkeypatch, "run", recipe(folder), "--store", "other.db") == 2
    assert re.fullmatch(r"ablate: [^\n]*other\.db[^\n]*--store[^\n]*\n", capsys.readouterr().err)
    assert (folder / "other.db").read_text() == "my shopping list\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--set", "sparsities"], "--set sparsities: .*a.b=c"),
        (["--set", "sparsities=[2]"], "--set sparsities=.*sparsit"),
        (["--set", "scorrers=[align]"], "--set scorrers=.*did you mean 'scorers'"),
        (["--data", "hubb"], "--data: .*hub"),
        (["--output", "nowhere/rows.json"], "--output nowhere/rows.json: .*no folder"),
    ],
)
def test_wrong_options(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert ablate(monkeypatch, "run", recipe(folder), *words) == 2
    assert re.search(rf"ablate: [^\n]*{says}[^\n]*\n\Z", capsys.readouterr().err)
    assert not (folder / "ablate.db").exists()


def test_the_recipe_that_they_spoil_is_a_good_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ablate(monkeypatch, "run", recipe(folder), "--format", "json") == 0
    assert capsys.readouterr().out.startswith("[")
