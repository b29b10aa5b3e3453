"""A calibration set that is too small, or has no gold scores, is found before a model loads, with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablate.plan.calibration import _without_gold
from ablate.scorers.correlation import Correlation
from ablate.scorers.gates import Gates
from tests.workplace import Workplace

RECIPE = """\
model: model
data: {senteval: data}
calibration: {pairs: 8, sentences: 16, batch_size: 4, graded: 16}
screen: [stsb-dev]
scorers:
  - SCORER
granularities: [head]
sparsities: [0.25]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    made = Workplace(tmp_path, monkeypatch, capsys)
    made.nothing_may_load()
    Path("own.tsv").write_text("a b\tc d\ne f\tg h\n")
    return made


@pytest.mark.parametrize(
    ("scorer", "told"),
    [
        (
            "{scorer: gates, batch_size: 17}",
            "6:21: gates: batches of 17 are asked for, and there are 16 graded calibration pairs, in whole batches of 4 "
            "from each split; lower batch_size, or take more graded",
        ),
        ("{scorer: gates, loss: uniform, batch_size: 17}", "6:36: gates: batches of 17 are asked for"),
        ("{scorer: gates, batch_size: 17, gate_seeds: [0, 1]}", "6:21: gates: batches of 17 are asked for"),
        (
            "{scorer: align, batch_size: 9}",
            "6:21: align: batches of 9 are asked for, and there are 8 calibration pairs",
        ),
        ("{scorer: combined, batch_size: 9}", "6:24: align: batches of 9 are asked for"),
        (
            "{scorer: align, pairs: 9}",
            "6:21: align: 9 calibration pairs are asked for, and there are 8; lower pairs, or calibrate on more",
        ),
        ("{scorer: align, pairs: 3}", "6:21: align: batches of 4 are asked for, and there are 3 calibration pairs"),
        ("{scorer: correlation, graded: 17}", "6:27: correlation: 17 graded calibration pairs are asked for"),
    ],
)
def test_a_scorer_that_takes_more_than_there_is(place: Workplace, scorer: str, told: str) -> None:
    for mode in ((), ("--dry-run",)):
        ran = place.run(RECIPE.replace("SCORER", scorer), *mode)
        assert place.refused(ran).startswith(f"r.yaml:{told}")


def test_a_batch_of_the_calibration_that_it_cannot_fill(place: Workplace) -> None:
    for scorer, told in {
        "{scorer: oracle, on: align}": "oracle: batches of 9 are asked for, and there are 8 calibration pairs",
        "{scorer: oracle, on: stsb-dev, group: 2, by: align}": "align: batches of 9 are asked for",
        "align": "align: batches of 9 are asked for",
    }.items():
        text = RECIPE.replace("SCORER", scorer).replace("batch_size: 4", "batch_size: 9")
        assert place.refused(place.run(text)).startswith(f"r.yaml:3:40: {told}")


def test_steps_of_explicit_cells_are_checked_too(place: Workplace) -> None:
    steps = "{granularity: head, scorer: magnitude, sparsity: 0.1}"
    steps += ", {granularity: head, sparsity: 0.1, scorer: {scorer: gates, batch_size: 17}}"
    text = f"{RECIPE.replace('SCORER', 'magnitude')}cells:\n  - [{steps}]\n"
    assert place.refused(place.run(text)).startswith(f"r.yaml:10:{5 + 1 + steps.index('batch_size')}: gates: batches")


def test_two_pairs_correlate_whatever_is_removed(place: Workplace) -> None:
    """So every unit would have the contribution 0."""
    text = RECIPE.replace("SCORER", "correlation").replace("batch_size: 4", "batch_size: 2")
    assert place.refused(place.run(text)) == (
        "r.yaml:3:40: correlation: 2 pairs correlate by 1 or -1, whatever is removed; raise batch_size"
    )


OWN = RECIPE.replace("pairs: 8", "positives: {file: own.tsv}, pairs: 8").replace("batch_size: 4", "batch_size: 2")


def test_gates_on_pairs_of_ones_own_have_no_gold_scores(place: Workplace) -> None:
    assert place.refused(place.run(OWN.replace("SCORER", "gates"))) == (
        "r.yaml:6:5: scorer 'gates' learns from gold scores, and the pairs of calibration.positives have none; use "
        "loss: align, uniform, combined or infonce, or say where gold scores come from, as in calibration.graded: "
        "{stsb-train: 1024}"
    )
    assert "have none; use a scorer that needs none, such as align, or say" in place.refused(
        place.run(OWN.replace("SCORER", "correlation"))
    )
    wrong = OWN.replace("SCORER", "gates").replace("graded: 16", "graded: {stsb: 16}")
    assert "'stsb' is a test set" in place.refused(place.run(wrong))


def test_what_the_message_says_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Workplace(tmp_path, monkeypatch, capsys)
    Path("own.tsv").write_text("".join(f"a {i}\tb {i}\n" for i in range(8)))
    for scorer in ("{scorer: gates, updates: 2, loss: infonce, batch_size: 4}", "align"):
        ran = place.run(OWN.replace("SCORER", scorer), "--format", "csv")
        assert (ran.code, ran.out.count(",ok,")) == (0, 2), ran
    named = OWN.replace("SCORER", "{scorer: gates, updates: 2, batch_size: 4}").replace("16}", "{stsb-train: 16}}")
    ran = place.run(named, "--format", "csv")
    assert (ran.code, ran.out.count(",ok,")) == (0, 2), ran


def test_the_other_values_of_a_parameter_are_found_whatever_it_is_called() -> None:
    assert _without_gold(Gates()) == "use loss: align, uniform, combined or infonce"
    assert _without_gold(Correlation()) == "use a scorer that needs none, such as align"
