"""The correlation loss and its scorer, and the graded pairs that they look at."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from torch.nn.functional import normalize

from ablate.data.calibration import UNGRADED, Calibration, CalibrationSpec, Over, calibrate
from ablate.data.items import ItemSet, pair_key
from ablate.engine.collect import collect
from ablate.errors import DataError, RecipeError
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.models.losses import CORRELATION, correlation_loss
from ablate.models.masked import masked
from ablate.scorers.statistics import GradientContribution
from ablate.testing.samples import sample_calibration
from ablate.testing.tiny import tiny_model
from tests.bench import Bench, known, make_bench, of, pairs, write_set


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def split(name: str, seed: int, count: int) -> ItemSet:
    made = pairs(seed, count)
    texts, gold = tuple((a, b) for a, b, _ in made), np.array([gold for *_, gold in made])
    return ItemSet(name, "train", "made up", texts, gold, ("",) * count)


def draw(looks: Collection[Over] = (*UNGRADED, "graded"), **given: Any) -> Calibration:
    spec = {"pairs": 4, "sentences": 8, "batch_size": 5, "graded": 30, **given}
    return calibrate(CalibrationSpec.model_validate(spec), [split("one", 0, 60), split("two", 1, 60)], looks)


def test_the_loss_is_one_less_pearsons_r() -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = (normalize(torch.randn(30, 8, generator=generator), dim=1) for _ in range(2))
    gold = torch.rand(30, generator=generator) * 5
    expected = 1 - pearsonr((left * right).sum(1), gold).statistic
    assert float(correlation_loss(left, right, gold)) == pytest.approx(expected, abs=1e-6)
    assert float(correlation_loss(left, left * 0 + left[0], (left * left[0]).sum(1))) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("granularity", [Head(), Neuron()], ids=lambda g: g.name)
def test_contributions_are_the_slope_of_the_loss_in_the_units_mask(granularity: Any) -> None:
    model, calibration = tiny_model("bert"), sample_calibration()
    statistic = GradientContribution(CORRELATION)
    found = collect(model, calibration, [(granularity, statistic)]).gradients[granularity, statistic]
    (layer,) = model.architecture.layers[1:]
    carrier = f"{granularity.carrier(layer)}.weight"
    unit = len(found) - 1
    mask = torch.ones(len(found), dtype=torch.bool)
    mask[unit] = False
    columns = granularity.keep(model, mask)[carrier]

    def loss(scale: float) -> float:
        weight = model.backbone.get_parameter(carrier)
        original = weight.data
        weight.data = torch.where(columns, original, original * scale)
        try:
            with torch.no_grad(), masked(model, {}):
                losses = []
                for batch in calibration.batches("graded"):
                    features = model.pad(model.tokenize(list(batch.sentences)))
                    losses.append(CORRELATION.of(normalize(model.embed(features), dim=1), batch.gold))
                return float(torch.stack(losses).double().mean())
        finally:
            weight.data = original

    slope = -(loss(1.05) - loss(0.95)) / 0.1
    assert float(found[unit]) == pytest.approx(slope, rel=0.05, abs=2e-5)


def test_graded_pairs_come_evenly_from_the_splits_in_batches_of_one() -> None:
    drawn = draw()
    assert len(drawn.graded) == 30
    names = [left.split()[0] for left, _, _ in drawn.graded]
    batches = [set(names[i : i + 5]) for i in range(0, 30, 5)]
    assert batches == [{"0"}, {"1"}] * 3
    gold = {(left, right): g for seed in (0, 1) for left, right, g in pairs(seed, 60)}
    assert all(gold[left, right] == g for left, right, g in drawn.graded)
    assert drawn.graded == draw().graded != draw(calibration_seed=1).graded
    assert draw(graded=14).graded == drawn.graded[:10], "what fills no batch of its split is left out"


def test_each_split_may_give_its_own_number_of_graded_pairs() -> None:
    drawn = draw(graded={"one": 20, "two": 10}).graded
    by_split = {seed: [pair for pair in drawn if pair[0].split()[0] == seed] for seed in ("0", "1")}
    assert {seed: len(found) for seed, found in by_split.items()} == {"0": 20, "1": 10}
    assert set(by_split["1"]) < set(draw().graded), "the first ones are those of any number"


@pytest.mark.parametrize(
    ("graded", "told"),
    [
        ({"one": 20, "too": 10}, "'too' is not one of the calibration's splits; did you mean 'two'"),
        ({"one": 20}, "no number of graded pairs for 'two'; add it, or remove it from splits"),
    ],
)
def test_numbers_of_graded_pairs_are_those_of_the_splits(graded: dict[str, int], told: str) -> None:
    with pytest.raises(DataError, match=told):
        draw(graded=graded)


def test_nothing_else_depends_on_whether_graded_pairs_are_drawn() -> None:
    with_them, without = draw(), draw(UNGRADED)
    assert without.graded == ()
    assert (with_them.pairs, with_them.sentences, with_them.hash) == (without.pairs, without.sentences, without.hash)
    graded = {pair_key(left, right) for left, right, _ in with_them.graded}
    assert with_them.seen == without.seen | graded
    assert graded - without.seen
    assert draw(["graded"]).seen == graded
    assert with_them.graded_hash != draw(calibration_seed=1).graded_hash


def test_a_file_of_positives_has_no_gold_scores(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("a\tb\n" * 4)
    spec = CalibrationSpec.model_validate({"positives": {"file": str(file)}})
    with pytest.raises(DataError, match=r"a scorer needs gold scores, and calibration\.positives\.file has none"):
        calibrate(spec, [], ["graded"])


def test_pairs_count_as_seen_only_in_runs_that_look_at_their_gold(bench: Bench) -> None:
    write_set(bench.data, "stsb", [*pairs(0, 40), *pairs(2, 60)])
    calibration = {"pairs": 4, "sentences": 4, "graded": 56, "batch_size": 4}
    aligned = bench.run(scorers=["align"], calibration=calibration, confirm=["stsb"])
    correlated = bench.run(scorers=["correlation"], calibration=calibration, confirm=["stsb"])
    (few,) = {row.n_clean for row in of(correlated, stage="confirm")}
    (more,) = {row.n_clean for row in of(aligned, stage="confirm")}
    assert (few, known(more) > known(few)) == (44, True)


def test_it_can_be_calibrated_on_several_train_sets(bench: Bench) -> None:
    calibration = {"splits": ["sts-train", "sickr-dev"], "batch_size": 4, "graded": 24, "pairs": 8, "sentences": 8}
    row = of(bench.run(scorers=["correlation"], calibration=calibration), scorer="correlation")[0]
    assert row.status == "ok"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("stsb", r"recipe\.calibration\.splits\.0: 'stsb' is a test set, which must only report"),
        ("stsb-trian", "unknown data set 'stsb-trian'; did you mean 'stsb-train'"),
        ("sickr-train", "'sickr-train' is not in the source"),
    ],
)
def test_calibration_is_drawn_from_train_or_dev_sets(bench: Bench, name: str, text: str) -> None:
    with pytest.raises(RecipeError, match=text):
        bench.job(scorers=["align"], calibration={"splits": [name], "batch_size": 4})


def test_numbers_of_graded_pairs_are_checked_with_the_recipe(bench: Bench) -> None:
    calibration = {"splits": ["stsb-train"], "batch_size": 4, "graded": {"stsb-trian": 8}}
    told = (
        r"recipe\.calibration\.graded: 'stsb-trian' is not one of the calibration's splits; did you mean 'stsb-train'"
    )
    with pytest.raises(RecipeError, match=told):
        bench.job(scorers=["correlation"], calibration=calibration)
