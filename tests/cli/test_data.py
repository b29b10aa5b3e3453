"""`ablate data` and `ablate data fetch`."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pytest
from typer.testing import CliRunner

from ablate.cli.data import app
from ablate.data.embedded import Embedded
from ablate.data.hub import HUB
from ablate.data.names import KNOWN
from ablate.errors import DataError

ROW = "g\tf\ty\t0\t1\ta\tb\n"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("ABLATE_DATA", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    benchmark = tmp_path / "senteval/STS/STSBenchmark"
    benchmark.mkdir(parents=True)
    (benchmark / "sts-test.csv").write_text(ROW)
    return tmp_path / "senteval"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def row_of(text: str, name: str) -> list[str]:
    (found,) = (line.split() for line in text.splitlines() if line.split()[:1] == [name])
    return found


def test_table_fits_80_columns_and_tells_the_source() -> None:
    text = run()
    assert text.startswith("data: embedded (synthetic) (no ABLATE_DATA and no fetched cache)\n")
    table = [line for line in text.splitlines() if line.startswith(" ")]
    assert all(len(line) <= 80 for line in table)
    assert "…" not in text
    assert row_of(text, "sts12") == ["sts12", "SemEval", "2012", "STS", "test", "-", "absent", "absent", "-"]
    pairs = f"{len(Embedded().load('synthetic-dev')):,}"
    assert row_of(text, "synthetic-dev")[-5:] == ["dev", pairs, "-", "-", "used"]
    assert "\nhub: `pip install 'ablate-embeddings[hub]'`, then `ablate data fetch`" in text
    assert "\nsenteval: set ABLATE_DATA" in text


def test_chosen_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = run("--data", f"senteval:{folder}")
    assert row_of(text, "stsb")[-4:] == ["1", "used", "absent", "-"]
    assert "stsb: 1 pairs, and the standard set has 1,379" in text
    monkeypatch.setenv("ABLATE_DATA", str(folder))
    assert run().startswith("data: senteval (ABLATE_DATA is set)\n")
    assert row_of(run("--data", "embedded"), "stsb")[-4:] == ["-", "here", "absent", "-"]


def test_json(folder: Path) -> None:
    shown = json.loads(run("--data", f"senteval:{folder}", "--json"))
    assert (shown["source"], shown["label"], shown["why"]) == ("senteval", "senteval", "asked for by its folder")
    rows = {row["name"]: row for row in shown["sets"]}
    assert tuple(rows) == tuple(KNOWN)
    assert rows["stsb"] == {
        "name": "stsb",
        "about": "STS Benchmark",
        "split": "test",
        "pairs": 1,
        "standard": 1379,
        "deviation": "1 pairs, and the standard set has 1,379",
        "from": "senteval",
        "sources": {"senteval": "here", "hub": "absent"},
        "error": None,
    }
    assert rows["sickr-dev"]["sources"] == {"senteval": "absent"}
    assert rows["sts12"]["pairs"] is None


def test_broken_set_is_shown_and_fails(folder: Path) -> None:
    (folder / "STS/STSBenchmark/sts-test.csv").write_text(ROW[:-3])
    result = CliRunner().invoke(app, ["--data", f"senteval:{folder}"])
    assert isinstance(result.exception, DataError)
    assert "sts-test.csv:1: " in str(result.exception)
    assert row_of(result.stdout, "stsb")[-4:] == ["broken", "used", "absent", "-"]


def test_absent_source_fails() -> None:
    result = CliRunner().invoke(app, ["--data", "hub"])
    assert isinstance(result.exception, DataError)
    assert result.stdout == ""


def test_options_of_the_listing_do_not_go_with_fetch() -> None:
    result = CliRunner().invoke(app, ["--data", "hub", "fetch"])
    assert result.exit_code == 2
    assert "--data" in result.stderr


def test_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def load_dataset(repo: str, revision: str, split: str) -> datasets.Dataset:
        asked.append(f"{repo}@{revision}:{split}")
        return datasets.Dataset.from_dict({"sentence1": ["a"], "sentence2": ["b"], "score": [1.0]})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    path = tmp_path / "cache/hub/stsb-dev.jsonl"
    assert run("fetch", "sts-dev") == f"stsb-dev: 1 pairs of mteb/stsbenchmark-sts written to {path}\n"
    assert len(run("fetch").splitlines()) == len(HUB)
    assert len(asked) == len(HUB)
    assert run().startswith("data: hub (no ABLATE_DATA, cache filled by `ablate data fetch`)\n")
    result = CliRunner().invoke(app, ["fetch", "sts17"])
    assert isinstance(result.exception, DataError)
