"""Whole runs with tasks of MTEB, as a user gives them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("mteb", reason="mteb is not installed: pip install ./plugins/ablate-mteb")

from ablate_mteb.base import items_of
from mteb_feed import feed, own_run, small

from ablate.cli import main
from ablate.export.export import load
from ablate.models.sentence_transformer import sentence_transformer
from ablate.models.spec import ModelSpec
from ablate.plugins import registry

RECIPE = """\
model: minilm
data: embedded
scorers: [magnitude, random]
granularities: [head]
sparsities: [0.2]
controls: {matched: 3}
screen: ["mteb:STSBenchmark:validation"]
confirm: ["mteb:STSBenchmark", "mteb:NFCorpus", "mteb:STS12"]
"""


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plug-in alone, as if installed, in an empty folder."""
    packages = tmp_path / "packages"
    info = packages / "ablate_mteb-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ablate-mteb\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[ablate]\nmteb = ablate_mteb\n")
    monkeypatch.syspath_prepend(packages)
    monkeypatch.delenv("ABLATE_DISABLE_PLUGINS", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    registry.cache_clear()
    items_of.cache_clear()
    feed(monkeypatch, small())
    yield
    registry.cache_clear()


def ablate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *given: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["ablate", *given])
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    assert isinstance(code, int)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_a_run_chooses_on_one_task_and_confirms_on_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("r.yaml").write_text(RECIPE)
    code, _, err = ablate(monkeypatch, capsys, "run", "r.yaml", "--format", "json", "--output", "rows.json")
    rows = json.loads(Path("rows.json").read_text())
    assert code == 1, "the data of one task are not there"
    dense = {row["task"]: row for row in rows if row["control"] is None and row["scorer"] is None}
    for name in ("STSBenchmark", "NFCorpus"):
        mine = own_run(sentence_transformer(ModelSpec(name="minilm")), name)
        assert dense[f"mteb:{name}"]["score"] == pytest.approx(mine, abs=0.01)
        assert dense[f"mteb:{name}"]["split"] == "test"
    failed = [row for row in rows if row["status"] == "failed"]
    assert {row["task"] for row in failed} == {"mteb:STS12"}
    assert all("fetch it with python -m ablate_mteb 'mteb:STS12'" in row["reason"] for row in failed)
    assert all("(plug-in ablate-mteb 0.1.0)" in row["reason"] for row in failed)
    chosen = [row for row in rows if row["chosen"] and row["task"] == "mteb:STSBenchmark"]
    assert chosen
    assert all(row["verdict"] for row in chosen)
    assert all(row["low"] < row["high"] for row in chosen)
    assert "Traceback" not in err
    # Everything is in the store now, the failed task aside.
    ablate(monkeypatch, capsys, "report", "-o", "report.html")
    assert "mteb:NFCorpus" in Path("report.html").read_text()
    cell = next(row for row in chosen if row["scorer"] == "magnitude")
    code, _, err = ablate(monkeypatch, capsys, "export", cell["cell"], "-o", "smaller", "--no-costs")
    assert code == 0, err
    result = json.loads(Path("smaller/results/smaller/no_revision_available/STSBenchmark.json").read_text())
    assert result["scores"]["test"][0]["main_score"] == pytest.approx(cell["score"] / 100, abs=1e-6)
    assert {file.name for file in Path("smaller/results").rglob("*.json")} == {"STSBenchmark.json", "NFCorpus.json"}
    # The exported model has that score in MTEB's own run too.
    assert own_run(load("smaller"), "STSBenchmark") == pytest.approx(cell["score"], abs=0.01)


def test_flags_take_groups_whose_names_have_a_comma(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = (
        "compare",
        "--scorers",
        "magnitude",
        "--granularities",
        "head",
        "--sparsities",
        "0.2",
        "--data",
        "embedded",
    )
    given += ("--tasks", "mteb:MTEB(eng, v2):Reranking, mteb:STSBenchmark", "--format", "json", "--output", "rows.json")
    code, _, err = ablate(monkeypatch, capsys, *given)
    assert code == 0
    rows = json.loads(Path("rows.json").read_text())
    assert [row["task"] for row in rows] == ["mteb:AskUbuntuDupQuestions", "mteb:STSBenchmark"] * 2
    assert {row["status"] for row in rows} == {"ok"}
    assert "mteb:MTEB(eng, v2):Reranking: ablate cannot measure and leaves out MindSmallReranking" in err


def test_a_dry_run_says_what_a_group_leaves_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = RECIPE.replace("mteb:STSBenchmark:validation", "mteb:MTEB(eng, v2):Reranking").replace(
        ', "mteb:STS12"', ""
    )
    Path("r.yaml").write_text(recipe)
    code, out, err = ablate(monkeypatch, capsys, "run", "r.yaml", "--dry-run")
    assert code == 0, err
    assert "mteb:MTEB(eng, v2):Reranking: ablate cannot measure and leaves out MindSmallReranking\n" in out
    assert "screen on mteb:AskUbuntuDupQuestions:" in out


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mteb:STSBenchmrk", "r.yaml:7:10: MTEB 2.26.24 has no task or benchmark 'STSBenchmrk'; did you mean 'STSB"),
        ("mteb:TwentyNewsgroupsClustering", "r.yaml:7:10: 'mteb:TwentyNewsgroupsClustering' is of type Clustering"),
        ("mtb:STSBenchmark", "r.yaml:7:10: unknown task 'mtb:STSBenchmark'; valid: "),
    ],
)
def test_a_name_is_refused_at_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, told: str
) -> None:
    import mteb

    Path("r.yaml").write_text(RECIPE.replace("mteb:STSBenchmark:validation", name))
    code, out, err = ablate(monkeypatch, capsys, "run", "r.yaml")
    assert (code, out) == (2, "")
    assert told.replace("2.26.24", mteb.__version__) in err
    assert len(err.splitlines()) == 1


def test_list_check_and_doctor_know_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ablate(monkeypatch, capsys, "list")
    assert code == 0
    assert "mteb:NAME" in out
    assert "ablate-mteb 0.1.0" in out
    code, out, _ = ablate(monkeypatch, capsys, "list", "--json")
    assert json.loads(out)[-1]["name"] == "mteb:NAME"
    code, out, _ = ablate(monkeypatch, capsys, "check", "mteb:STSBenchmark")
    assert code == 0, out
    assert "task 'mteb:STSBenchmark' of ablate-mteb 0.1.0 keeps its contract" in out
    code, _, err = ablate(monkeypatch, capsys, "check", "mteb:STS22.v2")
    assert code == 2
    assert "'mteb:STS22.v2' stands for 18 tasks; name one, such as 'mteb:STS22.v2[en]'" in err
