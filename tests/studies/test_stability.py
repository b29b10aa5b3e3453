"""Stability: the measures by hand, and what is measured on the tiny model against brute force."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from typer.testing import CliRunner

import ablate.studies.probe
from ablate.cli import app
from ablate.cli.finished import finished
from ablate.coordinator.run import prepare_model_run
from ablate.data.calibration import calibrate, splits_of
from ablate.errors import AblateError, StoreError
from ablate.events import Event
from ablate.plan.job import Job
from ablate.report.stability_page import page
from ablate.statistics.ranking_agreement import SHARED, Spread, enough, jaccard, rank_correlations, spread
from ablate.store.store import Store
from ablate.studies.probe import Prober, sample_of
from ablate.studies.records import from_dict
from ablate.studies.stability import series_of, stability
from ablate.studies.stability_record import StabilityRecord
from ablate.timing import Timings
from tests.bench import Bench, known, make_bench

STUDY = {"calibration_seeds": [0, 1], "sizes": [8, 16], "batch_sizes": [4, 8]}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


@pytest.fixture
def store(bench: Bench) -> Iterator[Store]:
    with Store(bench.store) as opened:
        yield opened


def job(bench: Bench, **given: Any) -> Job:
    return bench.job(**{"scorers": ["align"], "sparsities": [0.25, 0.5], "stability": STUDY} | given)


def floats(*values: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(values, np.float32)


def spearman(first: Any, second: Any) -> float:
    return float(spearmanr(first, second).statistic)


def mean(found: Spread | None) -> float:
    assert found is not None
    return found.mean


def bits(text: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.array([char == "1" for char in text])


def test_rank_correlations_by_hand() -> None:
    kendall, rho = rank_correlations(floats(1, 2, 3, 4), floats(10, 20, 40, 30))
    assert kendall == pytest.approx((5 - 1) / 6)
    assert rho == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert rank_correlations(floats(1, 2), floats(5, 5)) == (None, None)
    assert rank_correlations(floats(1), floats(1)) == (None, None)


def test_jaccard_by_hand() -> None:
    assert jaccard(bits("1100"), bits("0110")) == pytest.approx(1 / 3)
    assert jaccard(bits("1100"), bits("1100")) == 1
    assert jaccard(bits("0000"), bits("0000")) is None


@given(st.integers(2, 300), st.integers(0, 2**32 - 1))
def test_sets_that_share_nine_in_ten_have_the_jaccard_index_that_is_asked_for(tens: int, seed: int) -> None:
    """Of 10 t units each, 9 t are shared."""
    units = np.random.default_rng(seed).permutation(11 * tens)
    first, second = np.zeros(11 * tens, bool), np.zeros(11 * tens, bool)
    first[units[: 10 * tens]] = True
    second[units[tens:]] = True
    assert jaccard(first, second) == pytest.approx(SHARED)


@pytest.mark.parametrize(
    ("correlations", "overlaps", "found"),
    [
        ([0.8, 0.95, 0.99], [0.9, 0.9, 0.9], 20),
        ([0.95, 0.8, 0.99], [0.9, 0.9, 0.9], 40),  # enough by luck, and not from there on
        ([0.95, 0.95, 0.95], [0.5, 0.5, 0.9], 40),
        ([0.95, 0.95, 0.89], [0.9, 0.9, 0.9], None),
        ([0.95, None, 0.95], [0.9, 0.9, 0.9], 40),
        ([0.95, 0.95, 0.95], [0.9, 0.9, None], None),
        ([0.9, 0.9, 0.9], [SHARED, SHARED, SHARED], 10),
    ],
)
def test_enough(correlations: list[float | None], overlaps: list[float | None], found: int | None) -> None:
    assert enough([10, 20, 40], correlations, overlaps) == found


def test_spread_leaves_out_what_is_undefined() -> None:
    assert spread([1.0, None, 3.0]) == Spread(2.0, 1.0, 3.0, 2)
    assert spread([None]) is None


def test_a_sample_is_all_units_or_a_fixed_draw_without_repetition() -> None:
    assert sample_of(5).tolist() == [0, 1, 2, 3, 4]
    drawn = sample_of(20_000)
    assert len(set(drawn.tolist())) == 10_000
    assert (np.diff(drawn) > 0).all()
    assert (drawn == sample_of(20_000)).all()


@pytest.mark.parametrize("sample", [10, 10_000])
def test_a_probe_removes_what_a_run_with_that_calibration_set_removes(
    bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch, sample: int
) -> None:
    monkeypatch.setattr(ablate.studies.probe, "SAMPLE", sample)
    made = job(bench, granularities=["neuron", "unstructured"], scopes=["global", "layer"], tie_seed=3)
    model_run = prepare_model_run(made, made.recipe.model[0], store, Timings(), bench.watch)
    series = series_of(made.plan)
    prober = Prober(model_run.model, store, 3, series, lambda name: bench.watch(Event("note", f"pass: {name}")))
    probes, cached = prober.probe(model_run.calibration)
    assert not cached
    for step, cells in series.items():
        taken = sample_of(prober.units(step))
        assert len(taken) == min(sample, prober.units(step))
        for cell in cells:
            (mask,) = model_run.masks.make(cell).units.masks.values()
            assert (probes[step].removed[cell] == ~mask[taken]).all()
    passes = len(bench.passes)
    again, cached = prober.probe(model_run.calibration)
    assert cached
    assert len(bench.passes) == passes
    assert all((again[s].contributions == probes[s].contributions).all() for s in series)


def test_what_agrees_is_compared_in_the_right_pairs(bench: Bench, store: Store) -> None:
    """Everything printed for one size and seed, from contributions taken anew."""
    made = job(bench)
    (entry,) = stability(made, store, scores=False).stability
    spec, source = made.recipe.calibration, made.chosen.source

    def ranking(seed: int, size: int, batch_size: int = 8) -> Any:
        changes = {"calibration_seed": seed, "pairs": size, "sentences": size, "batch_size": batch_size}
        calibration = calibrate(spec.model_copy(update=changes), splits_of(spec, source))
        (step,) = series_of(made.plan)
        model_run = prepare_model_run(made, made.recipe.model[0], store, Timings(), bench.watch)
        return (
            Prober(model_run.model, store, 0, {step: []}, lambda name: bench.watch(Event("note", f"pass: {name}")))
            .probe(calibration)[0][step]
            .contributions
        )

    small = [spearman(ranking(a, 8), ranking(b, 16)) for a, b in ((0, 1), (1, 0))]
    assert mean(entry.sizes[0].largest.spearman) == pytest.approx(np.mean(small))
    assert mean(entry.sizes[0].seeds.spearman) == spearman(ranking(0, 8), ranking(1, 8))
    assert mean(entry.seeds.kendall) == rank_correlations(ranking(0, 16), ranking(1, 16))[0]
    four, eight = entry.batch_sizes
    assert mean(four.spearman) == spearman(ranking(0, 16), ranking(0, 16, 4)) < 1
    assert mean(eight.spearman) == pytest.approx(1)
    assert [mean(one.value) for one in eight.jaccard] == [1, 1]


def test_a_signed_contribution_to_a_separable_loss_depends_on_no_batch_size(bench: Bench, store: Store) -> None:
    made = job(bench, scorers=[{"scorer": "align", "sign": "signed"}], granularities=["neuron"])
    (entry,) = stability(made, store, scores=False).stability
    assert mean(entry.batch_sizes[0].spearman) > 0.999


def test_the_scores_are_those_of_runs_with_each_seed(bench: Bench, store: Store) -> None:
    made = job(bench, overlap="keep", screen=["stsb-dev", "sickr-dev"])
    (entry,) = stability(made, store).stability
    for place, seed in enumerate(STUDY["calibration_seeds"]):
        calibration = {"pairs": 16, "sentences": 24, "batch_size": 8, "calibration_seed": seed}
        results = bench.run(
            scorers=["align"],
            sparsities=[0.25, 0.5],
            calibration=calibration,
            overlap="keep",
            screen=["stsb-dev", "sickr-dev"],
        )
        assert results.about.computed == 0, "the store has these cells already"
        for one in entry.scores:
            deltas = [known(row.delta) for row in results.rows if row.sparsity == one.sparsity]
            assert len(deltas) == 2
            assert one.gains[place] == pytest.approx(np.mean(deltas))
    gains = [gain for gain in entry.scores[0].gains if gain is not None]
    assert len(gains) == 2
    assert entry.scores[0].mean == pytest.approx(np.mean(gains))
    assert entry.scores[0].sd == pytest.approx(np.std(gains, ddof=1))


def test_a_second_time_computes_nothing(bench: Bench, store: Store) -> None:
    made = job(bench, granularities=["head", "neuron"])
    first = stability(made, store, watch=bench.watch)
    assert bench.passes
    bench.clear()
    second = stability(made, store, watch=bench.watch)
    assert not bench.passes
    assert not bench.encodes
    assert all(event.cached for event in bench.events if event.kind == "cell")
    assert second.stability == first.stability
    stored = from_dict(StabilityRecord, store.about(second.run))
    assert stored == second
    assert page(stored).blocks == page(first).blocks
    with pytest.raises(StoreError, match=r"is a study, which has no rows; give its `ablate stability` command again"):
        finished(store, second.run)


def test_an_interrupted_study_goes_on_where_it_stopped(bench: Bench, store: Store) -> None:
    made = job(bench)

    def stop(event: Event) -> None:
        bench.watch(event)
        if [e.kind for e in bench.events].count("cell") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stability(made, store, watch=stop)
    done = len(bench.passes)
    assert done == 2
    bench.clear()
    stability(made, store, watch=bench.watch)
    cached = [event.cached for event in bench.events if event.kind == "cell"]
    assert cached[:3] == [True, True, False]


def test_what_cannot_be_measured_is_left_out_and_said(bench: Bench, store: Store) -> None:
    study = {"calibration_seeds": [0, 1], "sizes": [4, 8, 16, 2000, 3000], "batch_sizes": [8, 64]}
    made = job(bench, stability=study, scorers=["align", "oracle", "magnitude"])
    record = stability(made, store, scores=False, watch=bench.watch)
    (entry,) = record.stability
    assert [one.size for one in entry.sizes] == [8, 16, 2000]
    assert [one.batch_size for one in entry.batch_sizes] == [8]
    texts = record.notes
    assert len(texts) == 4
    assert "oracle is left out" in texts[0]
    assert texts[1].startswith("size 4 is left out: align: batches of 8 are asked for, and there are 4")
    assert texts[2].startswith("size 3000 is left out: there are no more than")
    assert texts[3].startswith("batch size 64 is left out")
    assert {event.text for event in bench.events if "left out" in event.text} == set(texts)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"scorers": ["magnitude"]}, "no scorer of the recipe's grid uses a calibration set"),
        ({"stability": STUDY | {"sizes": [4]}}, "stability.sizes: no size can be measured"),
        (
            {"calibration": {"pairs": 8, "sentences": 8, "batch_size": 16}},
            "batches of 16 are asked for, and there are 8 calibration",
        ),
    ],
)
def test_a_study_that_cannot_be_is_refused_before_a_run_is_begun(
    bench: Bench, store: Store, given: dict[str, Any], text: str
) -> None:
    with pytest.raises(AblateError, match=text):
        stability(job(bench, **given), store)
    assert not store.runs()


def test_a_score_that_fails_has_a_reason_and_no_number(
    bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("ablate.tasks.sts.Sts.measure", broken)
    record = stability(job(bench), store)
    one = record.stability[0].scores[0]
    assert one.gains == (None, None)
    assert one.mean is None
    assert "out of luck" in str(one.reason)
    assert "out of luck" in str(page(record))


def test_a_record_that_lacks_its_entries_is_refused() -> None:
    stored = {"models": ["m"], "run": "run-1", "notes": [], "timings": {}}
    assert from_dict(StabilityRecord, stored | {"stability": []}).stability == ()
    with pytest.raises(
        StoreError, match=re.escape("run-1: the record of `ablate stability` cannot be read (stability:")
    ):
        from_dict(StabilityRecord, stored)


def test_the_command_prints_tables_json_and_markdown(bench: Bench) -> None:
    recipe = bench.root / "recipe.yaml"
    recipe.write_text(json.dumps(bench.tree(scorers=["align"], stability=STUDY)))
    words = ["stability", str(recipe), "--store", str(bench.store), "--no-scores"]
    runner = CliRunner(env={"COLUMNS": "100"})
    shown = runner.invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "Sizes: how many calibration pairs" in shown.stdout
    assert "Scores:" not in shown.stdout
    about = json.loads(runner.invoke(app, [*words, "--format", "json"]).stdout)
    assert about["stability"][0]["sizes"][0]["size"] == 8
    file = bench.root / "out.md"
    assert runner.invoke(app, [*words, "--format", "markdown", "-o", str(file)]).exit_code == 0
    assert "### Seeds: how far 2 calibration sets agree" in file.read_text()
    refused = runner.invoke(app, [*words, "--set", "stability.calibration_seeds=[1, 1]"])
    assert isinstance(refused.exception, AblateError)
    assert "a value is listed twice in calibration_seeds: '1, 1'; list each once" in str(refused.exception)
