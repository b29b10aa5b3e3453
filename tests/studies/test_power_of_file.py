"""Which gain a file can show: as a run on the same file tells, and less for each further item."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median

import pytest

import ablate.studies.power_of_file
from ablate.data.own import OwnFile, read_own
from ablate.errors import DataError, ModelError
from ablate.models.spec import ModelSpec
from ablate.studies.power_of_file import power_of_file
from tests.bench import Bench, make_bench, of, pairs
from tests.workplace import Workplace


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def _file(folder: Path, count: int) -> OwnFile:
    path = folder / "own.csv"
    path.write_text("\n".join(["text1,text2,score", *(f"{a},{b},{gold}" for a, b, gold in pairs(7, count))]))
    return read_own(path, "sts", {})


def test_it_is_what_runs_on_the_file_tell(bench: Bench) -> None:
    """One head of 8 at random, each in a run of its own, so that its family has one test."""
    found = power_of_file(_file(bench.root, 150), "sts", ModelSpec(name=str(bench.model)))
    assert (found.removed, found.heads, found.measured, found.items) == (1, 8, 150, 150)
    smallest = []
    for seed in range(5):
        results = bench.run(
            scorers=["random"],
            sparsities=[0.125],
            seeds=[seed],
            controls={"matched": 0},
            tasks={"mine": {"kind": "sts", "file": str(bench.root / "own.csv")}},
            screen=["mine"],
        )
        (row,) = [row for row in of(results, task="mine") if row.cell != "dense"]
        assert row.smallest_better is not None
        smallest.append(row.smallest_better)
        assert row.dense == pytest.approx(found.dense, abs=1e-6)
    assert found.gain is not None
    assert found.gain == pytest.approx(median(smallest), rel=0.4)
    assert found.gain / found.se == pytest.approx(2.8, abs=0.3)


def test_of_a_large_file_a_part_is_measured(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    file, spec = _file(bench.root, 400), ModelSpec(name=str(bench.model))
    whole = power_of_file(file, "sts", spec)
    monkeypatch.setattr(ablate.studies.power_of_file, "ITEMS", 100)
    part = power_of_file(file, "sts", spec)
    assert (part.measured, part.items) == (100, 400)
    assert part.se == pytest.approx(whole.se, rel=0.4), "not the double, as that of 100 items is"
    assert "scaled from 100 items" in str(part)
    assert "scaled" not in str(whole)


def test_it_is_of_the_columns_that_were_named(bench: Bench) -> None:
    path, spec = bench.root / "two.csv", ModelSpec(name=str(bench.model))
    rows = [f"{a},{b},{gold},{5 - gold}" for a, b, gold in pairs(7, 60)]
    path.write_text("\n".join(["text1,text2,score,other", *rows]))
    dense = [power_of_file(read_own(path, "sts", {"score": of}), "sts", spec).dense for of in ("score", "other")]
    assert dense[1] == pytest.approx(-dense[0])


def test_a_file_without_a_score_is_refused(bench: Bench) -> None:
    path = bench.root / "flat.csv"
    path.write_text("text1,text2,score\na b,a b,1\nc d,c d,2\ne f,e f,3\n")
    with pytest.raises(DataError, match=r"flat\.csv: all 3 similarities are equal"):
        power_of_file(read_own(path, "sts", {}), "sts", ModelSpec(name=str(bench.model)))
    with pytest.raises(ModelError):
        power_of_file(_file(bench.root, 10), "sts", ModelSpec(name=str(bench.root / "absent")))


def test_data_check_tells_it_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Workplace(tmp_path, monkeypatch, capsys)
    _file(tmp_path, 60)
    plain = place("data", "check", "own.csv")
    told = place("data", "check", "own.csv", "--power", "--model", "model")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith(plain.out)
    assert re.fullmatch(
        r"own\.csv: gains of about [\d.]+ points or more can be shown \(80 % power, one test at 0\.05\): between model, "
        r"which has [\d.]+, and itself without 1 of 8 heads, at random, the standard error of Δ is [\d.]+ \(median of 5 "
        r"draws\)\n",
        told.out.removeprefix(plain.out),
    )
