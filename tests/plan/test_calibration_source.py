"""Own files calibrate as standard sets do: the same pairs, the same scores, and they are left out of tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablate.data.embedded import Embedded
from ablate.errors import DataError, RecipeError
from ablate.plan.calibration_source import CalibrationSource
from ablate.studies.variants import variants
from ablate.tasks.own import own_task
from tests.bench import Bench, make_bench, one, pairs
from tests.workplace import RECIPE, Workplace


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = make_bench(tmp_path, monkeypatch)
    lines = [f"{a},{b},{gold}" for a, b, gold in pairs(2, 60)]  # those of stsb-train
    (tmp_path / "train.csv").write_text("\n".join(["sentence1,sentence2,score", *lines]))
    return made


def own(bench: Bench, **given: Any) -> dict[str, Any]:
    return {"mine": {"kind": "sts", "file": str(bench.root / "train.csv"), "split": "train", **given}}


def test_a_file_of_the_standard_set_is_the_standard_calibration_set(bench: Bench) -> None:
    given: dict[str, Any] = {"scorers": ["align", "combined", "correlation"]}
    sizes = {"pairs": 16, "sentences": 24, "batch_size": 8, "graded": 16}
    standard = bench.job(**given, calibration=sizes).calibration
    mine = bench.job(**given, tasks=own(bench), calibration={**sizes, "splits": ["mine"]}).calibration
    assert mine.hash == standard.hash
    assert set(mine.pairs) == set(standard.pairs)
    # The draw of graded pairs has the name of the split, so that they are others of the same.
    gold = {(a, b): gold for a, b, gold in pairs(2, 60)}
    assert len(mine.graded) == 16
    assert all(gold[a, b] == score for a, b, score in mine.graded)
    alone = {**sizes, "positives": {"file": str(bench.root / "pairs.tsv")}, "graded": {"mine": 16}}
    (bench.root / "pairs.tsv").write_text("".join(f"left {i}\tright {i}\n" for i in range(20)))
    assert set(bench.job(**given, tasks=own(bench), calibration=alone).calibration.graded) == set(mine.graded)


def test_what_has_calibrated_does_not_judge(bench: Bench) -> None:
    train = pairs(2, 60)
    calibrates = [(a, b) for a, b, gold in train if gold > 4]
    rows = [f"{a},{b},{gold}" for a, b, gold in [*pairs(11, 20), *(pair for pair in train if pair[2] > 4)]]
    (bench.root / "test.csv").write_text("\n".join(["sentence1,sentence2,score", *rows]))
    tasks = {**own(bench), "held": {"kind": "sts", "file": str(bench.root / "test.csv"), "split": "test"}}
    results = bench.run(
        scorers=["align"],
        calibration={"pairs": 60, "sentences": 24, "batch_size": 4, "splits": ["mine"]},
        tasks=tasks,
        confirm=["held"],
        statistics={"resamples": 100},
        controls={"matched": 0},
    )
    dense = one(results, cell="dense", stage="confirm", task="held")
    assert (dense.n, dense.n_clean) == (20 + len(calibrates), 20)
    assert "mine: train.csv (sha256 " in results.to_markdown()


def test_studies_calibrate_on_it_too(bench: Bench) -> None:
    job = bench.job(scorers=["align"], tasks=own(bench), calibration={"batch_size": 4, "splits": ["mine"]})
    steps = [cell.steps[0] for cell in job.plan.cells]
    study = job.recipe.stability.model_copy(update={"sizes": [4], "batch_sizes": [4]})
    found = variants(job.recipe.calibration, study, job.calibration_source, steps, print)
    assert found.recipe.hash == job.calibration.hash


def test_a_source_with_own_files() -> None:
    task = own_task("mine", {"kind": "sts"})(kind="sts")
    source = CalibrationSource(Embedded(), {"mine": task})
    assert source.load("synthetic-train").hash == Embedded().load("synthetic-train").hash
    assert (source.name, source.label, source.groups()) == (Embedded().name, Embedded().label, Embedded().groups())
    assert source.names() == (*Embedded().names(), "mine")
    with pytest.raises(DataError, match="task 'mine' has no file"):
        source.load("mine")
    assert replace(source, own={}).names() == Embedded().names()


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    made = Workplace(tmp_path, monkeypatch, capsys)
    rows = "".join(f"{a},{b},{20 * gold}\n" for a, b, gold in pairs(5, 40))
    Path("train.csv").write_text("sentence1,sentence2,score\n" + rows)
    return made


@pytest.mark.parametrize(
    ("spec", "split", "told"),
    [
        ("splits: [mine]", "test", "r.yaml:3:24: 'mine' is a test set, which must only report; name a train set"),
        ("splits: [mine, mien]", "train", "r.yaml:3:30: unknown data set 'mien'; did you mean 'mine'?"),
        ("splits: [mine], graded: {mein: 8}", "train", "r.yaml:3:31: 'mein' is not one of the calibration's splits"),
    ],
)
def test_refused(workplace: Workplace, spec: str, split: str, told: str) -> None:
    workplace.nothing_may_load()
    text = RECIPE.replace("{pairs: 8,", f"{{{spec}, pairs: 8,")
    text += f"tasks: {{mine: {{kind: sts, file: train.csv, split: {split}}}}}\n"
    assert told in workplace.refused(workplace.run(text))


def test_texts_without_pairs_give_sentences_alone(bench: Bench) -> None:
    rows = "".join(f"{a},{'yes' if gold > 2.5 else 'no'}\n" for a, _, gold in pairs(2, 60))
    (bench.root / "classes.csv").write_text("text,label\n" + rows)
    mine: dict[str, Any] = {"kind": "clustering", "file": str(bench.root / "classes.csv"), "split": "train", "sets": 10}
    tasks = {"mine": mine}
    given: dict[str, Any] = {"scorers": ["align", "uniform"], "tasks": tasks}
    spec = {"splits": ["mine"], "sentences": 30, "pairs": 30, "batch_size": 8}
    told = r"'mine' has no pairs with gold \(kind clustering\), and "
    with pytest.raises(RecipeError, match=told + "positives are pairs; name a split of pairs"):
        bench.job(**given, calibration=spec)
    drawn = bench.job(**given, calibration={**spec, "positives": "dropout"}).calibration
    assert len(drawn.sentences) == 30
    assert set(drawn.sentences) <= {a for a, _, _ in pairs(2, 60)}
    given["scorers"] = ["correlation"]
    with pytest.raises(RecipeError, match=told + "a scorer looks at pairs with gold scores"):
        bench.job(**given, calibration={**spec, "positives": "dropout"})


def test_queries_calibrate_with_their_documents(bench: Bench) -> None:
    asked = [(a, b) for a, b, _ in pairs(2, 60) if a != b]
    (bench.root / "faq.csv").write_text("query,positive\n" + "".join(f"{a},{b}\n" for a, b in asked))
    tasks = {"mine": {"kind": "retrieval", "file": str(bench.root / "faq.csv"), "split": "train"}}
    drawn = bench.job(scorers=["align"], tasks=tasks, calibration={"splits": ["mine"], "batch_size": 8}).calibration
    assert set(drawn.pairs) == set(asked)
    divided = {"mine": {**tasks["mine"], "part": {"shares": {"train": 0.5, "test": 0.5}}}}
    drawn = bench.job(scorers=["align"], tasks=divided, calibration={"splits": ["mine"], "batch_size": 8}).calibration
    assert len(drawn.pairs) in (len(asked) // 2, len(asked) // 2 + 1)
    assert set(drawn.pairs) < set(asked)
    divided = {"mine": {**tasks["mine"], "part": {"column": "query"}}}
    with pytest.raises(
        RecipeError, match="queries are not divided by a column, since one may have several rows; use part"
    ):
        bench.job(scorers=["align"], tasks=divided, calibration={"splits": ["mine"], "batch_size": 8})


def test_the_dry_run_says_how_scores_count(workplace: Workplace) -> None:
    text = RECIPE.replace("{pairs: 8,", "{splits: [mine], pairs: 8,")
    text += "tasks: {mine: {kind: sts, file: train.csv, split: dev}}\n"
    ran = workplace.run(text, "--dry-run")
    assert ran.code == 0, ran.err
    assert "calibration on mine: scores 0 to 100 count as 0 to 5, and positives have more than 80\n" in ran.out
