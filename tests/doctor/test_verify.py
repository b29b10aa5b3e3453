"""`ablate doctor --verify N`: results computed again are equal, what is not equal is found, and nothing is written."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ablate.doctor.finding import Finding, fixes
from ablate.doctor.verify import CLOSE, compare
from ablate.store.store import Store
from ablate.tasks.result import Result
from tests.doctor.stored import Stored, shifted
from tests.workplace import RECIPE, Workplace


def verified(stored: Stored, count: int, seed: int = 0) -> tuple[list[Finding], str]:
    """The lines on results, and the summary."""
    _, section = stored.doctor(verified=count, seed=seed)
    assert section.title == "Verification"
    *lines, summary = section.findings
    return lines, summary.state


def test_all_results_are_equal_and_nothing_is_written(stored: Stored) -> None:
    before = stored.bytes()
    lines, summary = verified(stored, 1000)
    assert stored.bytes() == before
    total = len(lines)
    assert total > 4
    assert all(line.state.startswith("equal within rounding: ") and line.fix is None for line in lines)
    assert summary.startswith(f"{total} of {total} results computed again, {total} equal within 1e-05")


def test_the_seed_chooses(stored: Stored) -> None:
    drawn = [[line.what for line in verified(stored, 2, seed)[0]] for seed in (0, 0, 1, 2, 3)]
    assert all(len(one) == 2 for one in drawn)
    assert drawn[0] == drawn[1]
    assert len({tuple(one) for one in drawn}) > 1


def test_a_result_that_the_model_does_not_give(stored: Stored) -> None:
    """Its checksums are right and its score follows from its values: only computing it again can tell."""
    stored.rewrite(shifted)
    assert stored.damaged() == []
    sections = stored.doctor(verified=1000)
    (differing,) = [line for line in sections[1].findings if line.fix]
    assert differing.state.startswith("differs: 30 of 30 values differ; score ")
    assert differing.what.startswith("stsb of ")
    assert "is not what the model gives now" in fixes(sections)[0]
    assert sections[1].findings[-1].state.endswith(", 1 differ")


def test_a_model_that_has_changed(original: Stored, stored: Stored) -> None:
    recipe = original.folder / "model" / "config.json"
    content = recipe.read_text()
    recipe.write_text(content.replace('"initializer_range": ', '"initializer_range": 1'))
    assert recipe.read_text() != content
    try:
        lines, summary = verified(stored, 2)
    finally:
        recipe.write_text(content)
    assert {line.what for line in lines} == {"not computed"}
    assert "has changed since the run" in lines[0].state
    assert summary.startswith("0 of ")
    sections = stored.doctor(verified=2)
    assert fixes(sections) == []


def test_a_model_that_is_gone_and_data_that_are_others(tmp_path: Path) -> None:
    own = Stored.made(tmp_path)
    dev = tmp_path / "data" / "STS" / "STSBenchmark" / "sts-dev.csv"
    dev.write_text(dev.read_text().replace("man", "men"))
    lines, summary = verified(own, 1000)
    assert any("the data of 'stsb-dev' in 'senteval', its version or the encoding" in line.state for line in lines)
    # The others are computed.
    assert all("stsb of " in line.what for line in lines if line.what != "not computed")
    assert summary.startswith("4 of 7 results computed again, 4 equal within 1e-05 (1000 were asked for)")
    shutil.rmtree(tmp_path / "model")
    sections = own.doctor(verified=3)
    assert fixes(sections) == ["no result could be computed again; the lines above say why"]


def test_a_damaged_mask_is_not_made_again(stored: Stored) -> None:
    stored.sql("UPDATE ablate_masks SET entry = '{x'")
    before = stored.bytes()
    lines, _ = verified(stored, 1000)
    assert stored.bytes() == before
    assert {line.what.partition(" of ")[2] for line in lines if line.what != "not computed"} == {"dense"}
    assert any("does not match its checksum" in line.state for line in lines)


def test_what_is_undefined_is_not_a_number() -> None:
    values = np.ones(4, np.float32)
    scored = Result("ok", None, 1.0, values, 0.0, {})
    undefined = Result("undefined", "all equal", None, values, 0.0, {})
    both, one, shorter = (
        compare(undefined, undefined),
        compare(scored, undefined),
        compare(scored, replace(scored, values=values[:3])),
    )
    assert (both.score, both.value, both.fault) == (None, 0.0, None)
    assert (one.score, one.value, one.fault) == (None, None, "stored: 1.0000; computed again: all equal")
    assert (shorter.score, shorter.value, shorter.fault) == (0.0, None, "4 values are stored, and 3 were computed")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    place = Workplace(tmp_path, monkeypatch, capsys)
    assert place.run(RECIPE).code == 0
    files = place.files()
    ran = place("doctor", "--verify", "2", "--seed", "5")
    assert (ran.code, place.files()) == (0, files)
    assert "2 of 3 results computed again" in " ".join(ran.out.split())
    assert place("doctor", "--verify", "-1").code == 2


def result(values: list[float] | None, score: float | None = 50.0) -> Result:
    made = None if values is None else np.array(values, np.float32)
    status, reason = ("ok", None) if score is not None else ("undefined", "no")
    return Result(status, reason, score, made, 0.1, {})


COSINES = [0.1, 0.5, 0.9]


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (COSINES, None),
        ([0.1, 0.5, 0.9 + 0.9 * CLOSE], None),
        ([0.1, 0.5, 0.9 + 1.2 * CLOSE], "1 of 3 values differ"),
        ([0.1, 0.5], "3 values are stored, and 2 were computed"),
        (None, "one of them has no values"),
    ],
)
def test_rounding_of_cosines(values: list[float] | None, fault: str | None) -> None:
    assert compare(result(COSINES), result(values)).fault == fault


def test_large_values_round_with_their_size() -> None:
    stored = result([1000.0, 500.0, 1.0])
    assert compare(stored, result([1000.005, 500.0, 1.0])).fault is None
    assert compare(stored, result([1000.02, 500.0, 1.0])).fault == "1 of 3 values differ"


@pytest.mark.parametrize(
    ("items", "flips", "fault"), [(100, 1, None), (100, 2, "2 of 100 values differ"), (1000, 5, None)]
)
def test_decisions_may_flip_where_rounding_crosses_a_boundary(items: int, flips: int, fault: str | None) -> None:
    values = np.ones(items)
    values[: items // 3] = 0
    again = values.copy()
    again[:flips] = 1
    compared = compare(result(values.tolist()), result(again.tolist()))
    assert (compared.fault, compared.flips) == (fault, flips)


def test_a_score_on_one_side_alone() -> None:
    compared = compare(result(COSINES), replace(result(COSINES, None)))
    assert compared.fault == "stored: 50.0000; computed again: no"


def test_a_file_of_ones_own_that_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace = Workplace(tmp_path, monkeypatch, capsys)
    rows = [f"words {i},other {i % 7},{i % 5}\n" for i in range(30)]
    Path("own.csv").write_text("text1,text2,score\n" + "".join(rows))
    text = RECIPE.replace("[sts-dev]", "[mine, stsb-dev]") + "tasks: {mine: {kind: sts, file: own.csv}}\n"
    assert workplace.run(text).code == 0
    assert workplace("doctor", "--verify", "1").code == 0
    before = hashlib.sha256(Path("own.csv").read_bytes()).hexdigest()
    Path("own.csv").write_text("text1,text2,score\n" + "".join(reversed(rows)))
    after = hashlib.sha256(Path("own.csv").read_bytes()).hexdigest()
    # Also if no result of the file is drawn.
    for seed in ("0", "1", "2", "3"):
        ran = workplace("doctor", "--verify", "1", "--seed", seed)
        assert ran.code == 1
        shown = " ".join(ran.out.split())
        assert f"sha256 is {after[:12]} now; run " in shown
        assert f"own.csv is not the file that run {runs()[0]} read (sha256 {before[:12]})" in shown
    Path("own.csv").unlink()
    ran = workplace("doctor", "--verify", "1")
    assert ran.code == 1
    assert "it cannot be read (own.csv: No such file or directory" in " ".join(ran.out.split())


def runs() -> list[str]:
    with Store("ablate.db", create=False) as opened:
        return opened.run_ids()
