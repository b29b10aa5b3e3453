"""What has chosen must not judge: seen pairs are out of clean scores, and the choice comes before the reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

import ablate
from ablate.data.calibration import CalibrationSpec, calibrate
from ablate.data.pairs import PairSet, pair_key
from ablate.data.senteval import SentEval
from ablate.errors import DataError, Undefined
from ablate.experiment.choose import choose, mean_deltas
from ablate.experiment.plan import Cell
from ablate.experiment.run import run
from ablate.experiment.store import Store
from ablate.plugins import registry
from ablate.tasks.sts import Sts
from tests.engine import Bench, make_bench, of, one, pairs, write_set


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


CONFIRM: dict[str, Any] = {"confirm": ["stsb"], "controls": {"matched": 0}}


def test_pairs_of_the_screen_task_do_not_report(bench: Bench) -> None:
    dev, test = pairs(1, 30), pairs(0, 40)
    shared = [(b.upper() + " !", a, gold) for a, b, gold in dev[:7]]  # swapped, another case, other punctuation
    write_set(bench.data, "stsb", [*shared, *test])
    results = bench.run(**CONFIRM)
    for row in of(results, stage="confirm"):
        assert (row["n"], row["n_clean"]) == (47, 40)
        assert row["delta_clean"] == pytest.approx(row["score_clean"] - row["dense_clean"])
    assert {row["n_clean"] for row in of(results, stage="screen")} == {30}


def test_pairs_that_calibration_saw_do_not_report(bench: Bench) -> None:
    train = pairs(2, 60)
    write_set(bench.data, "stsb", [*train[:10], *pairs(0, 40)])
    everything = {"pairs": 16, "sentences": 120, "batch_size": 8}
    seen = bench.run(scorers=["align"], calibration=everything, **CONFIRM)
    unseen = bench.run(scorers=["magnitude"], calibration=everything, **CONFIRM)
    assert {row["n_clean"] for row in of(seen, stage="confirm")} == {40}
    assert {row["n_clean"] for row in of(unseen, stage="confirm")} == {50}


def test_seen_is_every_pair_with_a_drawn_sentence(bench: Bench) -> None:
    train = SentEval(bench.data).load("stsb-train")
    drawn = calibrate(CalibrationSpec(pairs=3, sentences=5, batch_size=2), [train])
    expected = {pair_key(a, b) for a, b in drawn.pairs}
    expected |= {pair_key(a, b) for a, b in zip(train.left, train.right, strict=True) if {a, b} & set(drawn.sentences)}
    assert drawn.seen == expected
    gold = dict(zip(zip(train.left, train.right, strict=True), train.gold, strict=True))
    assert all(gold[pair] > 4 for pair in drawn.pairs)
    assert drawn == calibrate(CalibrationSpec(pairs=3, sentences=5, batch_size=2), [train])
    more = calibrate(CalibrationSpec(pairs=6, sentences=5, batch_size=2), [train])
    assert more.sentences == drawn.sentences
    assert more.pairs[:3] == drawn.pairs


def test_no_positives_is_an_error_that_says_what_to_do(bench: Bench) -> None:
    write_set(bench.data, "stsb-train", [(a, b, 3.0) for a, b, _ in pairs(2, 9)])
    with pytest.raises(DataError, match=r"calibration\.positives: \{file"):
        calibrate(CalibrationSpec(), [SentEval(bench.data).load("stsb-train")])


def test_the_choice_is_recorded_before_a_confirm_task_is_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    load, choice = SentEval.load, Store.record_choice

    def spy_load(self: SentEval, name: str) -> PairSet:
        order.append(name)
        return load(self, name)

    def spy_choice(*args: Any) -> None:
        order.append("choice")
        choice(*args)

    monkeypatch.setattr(SentEval, "load", spy_load)
    monkeypatch.setattr(Store, "record_choice", spy_choice)
    bench.run(sparsities=[0.25, 0.5], **CONFIRM)
    assert order.index("stsb-dev") < order.index("choice") < order.index("stsb")
    assert order.count("choice") == 1
    with Store(bench.store) as store:
        assert store.reads() == {"stsb": 1}
        assert store.runs()[-1].choice is not None


def test_the_best_of_the_screen_is_confirmed_and_nothing_else(bench: Bench) -> None:
    results = bench.run(scorers=["magnitude", "random"], seeds=[0, 1], sparsities=[0.25, 0.5], **CONFIRM)
    for scorer in ("magnitude", "random"):
        by_sparsity = {
            s: np.mean([row["delta_clean"] for row in of(results, stage="screen", scorer=scorer, sparsity=s)])
            for s in (0.25, 0.5)
        }
        best = max(by_sparsity, key=lambda s: by_sparsity[s])
        confirmed = of(results, stage="confirm", scorer=scorer)
        assert {row["sparsity"] for row in confirmed} == {best}
        assert len(confirmed) == (2 if scorer == "random" else 1)
        chosen = of(results, stage="screen", scorer=scorer, chosen=True)
        assert {row["key"] for row in chosen} == {row["key"] for row in confirmed}


def test_choice_takes_the_first_of_equals_and_passes_over_what_has_no_score(bench: Bench) -> None:
    plan = bench.job(sparsities=[0.25, 0.5, 0.75]).plan
    first, second, third = plan.cells
    assert choose(plan, {first: 1.0, second: 1.0, third: 0.0}) == (first,)
    assert choose(plan, {second: -1.0, third: -2.0}) == (second,)
    assert choose(plan, dict[Cell, float]()) == ()


def test_mean_delta_turns_round_tasks_whose_lower_scores_are_better() -> None:
    def row(key: str, delta: float | None, higher: bool) -> dict[str, object]:
        return {"key": key, "delta": 9.0, "delta_clean": delta, "higher_is_better": higher}

    rows = [row("a", 1.0, True), row("a", -2.0, False), row("b", None, True), row("b", 5.0, True)]
    assert mean_deltas(rows, "drop") == {"a": 1.5}
    assert mean_deltas(rows[:1], "keep") == {"a": 9.0}


def test_sts_is_scipys_spearman_over_the_kept_pairs(bench: Bench) -> None:
    data = SentEval(bench.data).load("stsb")
    task = registry().get("task", "stsb")()
    assert isinstance(task, Sts)
    values = np.random.default_rng(0).normal(size=len(data)).astype(np.float32)
    kept = np.arange(len(data)) % 3 > 0
    assert task.score(data, values, kept) == pytest.approx(100 * spearmanr(values[kept], data.gold[kept]).statistic)
    few = np.arange(len(data)) < 2
    with pytest.raises(Undefined, match="2 pairs, fewer than 3"):
        task.score(data, values, few)
    with pytest.raises(Undefined, match="similarities are equal"):
        task.score(data, np.ones_like(values), kept)


def test_the_python_api_gives_what_the_command_gives(bench: Bench) -> None:
    compared = ablate.compare(
        scorers=["magnitude"],
        granularities=["head"],
        sparsities=[0.25],
        model=str(bench.model),
        tasks=["stsb"],
        data=f"senteval:{bench.data}",
        store=bench.store,
    )
    assert compared.about["exploratory"]
    recipe = bench.recipe(screen=["stsb"])
    again = run(recipe, store=bench.store)
    assert again.about["computed"] == 0
    assert one(again, scorer="magnitude")["score"] == one(compared, scorer="magnitude")["score"]
    frame = again.to_pandas()
    assert list(frame["task"]) == ["stsb", "stsb"]
    assert frame["scorer"].isna().tolist() == [True, False]
