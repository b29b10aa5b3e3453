"""The second-order correction, against exact joint removal and central differences; and scoring again in steps."""

from __future__ import annotations

import dataclasses
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from ablate.data.calibration import CalibrationSpec, calibrate
from ablate.data.sources import resolve
from ablate.engine import prune
from ablate.engine.collect import collect
from ablate.engine.passes import passes_of
from ablate.engine.second_order import halved, without_lowest
from ablate.engine.select import select
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.models.load import load_model
from ablate.models.losses import ALIGN, UNIFORM, Loss, align_loss
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.scorers.align import Align
from ablate.scorers.base import Scorer
from ablate.scorers.combined import Combined
from ablate.scorers.statistics import GradientContribution, Sign
from ablate.scorers.uniform import Uniform
from ablate.store.keys import scores_key
from ablate.testing import check_scorer
from ablate.testing.samples import sample_calibration
from ablate.testing.state import State, same_bits
from ablate.testing.tiny import tiny_model
from tests.bench import Bench, known, make_bench, one
from tests.end_to_end.test_first_order import exact_losses
from tests.engine.test_collect import BATCH, PAIRS, SENTENCES, STEP, blocks, losses

CALIBRATION = sample_calibration(pairs=PAIRS, sentences=SENTENCES, batch_size=BATCH)
SMALLER = 0.35
"""Tiny models have weights so large that removing many units at once is far from quadratic; theirs are made smaller."""
GRANULARITIES: tuple[Granularity, ...] = (Unstructured(), Head(), Neuron())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def double(family: str = "bert", seed: int = 0) -> Model:
    model = tiny_model(family, seed=seed, neurons=24)
    model.backbone.double()
    return model


def gradients(model: Model, granularity: Granularity, *statistics: GradientContribution) -> list[Tensor]:
    collected = collect(model, CALIBRATION, [(granularity, s) for s in statistics])
    return [collected.gradients[granularity, s].double() for s in statistics]


@pytest.mark.parametrize("granularity", GRANULARITIES, ids=lambda g: g.name)
def test_of_a_quadratic_loss_the_sum_is_the_exact_joint_rise(granularity: Granularity) -> None:
    model = double()
    weights = [model.weight(name) for name in granularity.carriers(model)]
    generator = torch.manual_seed(0)
    factors = [torch.randn(w.numel(), generator=generator).double() for w in weights for _ in range(3)]

    def quadratic(embeddings: Tensor) -> Tensor:
        along = [(factor * weights[i // 3].flatten()).sum() for i, factor in enumerate(factors)]
        return sum(along).square() + sum(a.square() for a in along[1:]) + along[0] + 0 * embeddings.sum()  # type: ignore[union-attr]

    statistic = GradientContribution(Loss("quadratic", "sentences", quadratic), second_order=0.3)
    first, second = gradients(model, granularity, statistic.first_order, statistic)
    stays = without_lowest(model, granularity, first.float(), 0.3)
    assert int((~stays).sum()) == round(0.3 * len(stays))
    none = torch.zeros(1)
    with torch.no_grad():
        dense = float(quadratic(none))
        with masked(model, granularity.keep(model, stays)):
            rise = float(quadratic(none)) - dense
    assert float(second[~stays].sum()) == pytest.approx(rise, rel=1e-5)
    assert abs(float(first[~stays].sum()) - rise) > 0.2 * abs(rise)


@pytest.mark.parametrize("sign", ["signed", "absolute"])
@pytest.mark.parametrize("granularity", GRANULARITIES[1:], ids=lambda g: g.name)
@pytest.mark.parametrize("loss", [ALIGN, UNIFORM], ids=lambda loss: loss.name)
def test_the_sum_is_far_nearer_to_the_joint_rise_than_that_of_first_order(
    loss: Loss, granularity: Granularity, sign: Sign
) -> None:
    chosen_by = GradientContribution(loss, sign, second_order=0.25)
    signed = GradientContribution(loss)
    errors: list[tuple[float, float]] = []
    for family in ("bert", "distilbert", "mpnet"):
        for seed in range(3):
            model = double(family, seed)
            for name in granularity.carriers(model):
                model.weight(name).data *= SMALLER
            (chosen,) = gradients(model, granularity, chosen_by.first_order)
            stays = without_lowest(model, granularity, chosen.float(), 0.25)
            (first,) = gradients(model, granularity, signed)
            with halved(model, granularity, stays):
                second = 2 * gradients(model, granularity, signed)[0]
            if sign == "signed":
                (found,) = gradients(model, granularity, chosen_by)
                assert torch.allclose(found[~stays], second[~stays])
            which = [ALIGN, UNIFORM].index(loss)
            dense = losses(model, CALIBRATION)[which].mean()
            with masked(model, granularity.keep(model, stays)):
                rise = losses(model, CALIBRATION)[which].mean() - dense
            errors.append(
                (abs(float(first[~stays].sum()) - float(rise)), abs(float(second[~stays].sum()) - float(rise)))
            )
    of_first, of_second = np.sum(errors, axis=0)
    print(f"{loss.name} {granularity.name} {sign}: first order {of_first:.4f}, second order {of_second:.4f}")
    assert of_second < of_first / 3


@pytest.mark.parametrize("sign", ["signed", "absolute", "absolute-example", "squared"])
def test_each_contribution_is_the_slope_halfway(sign: Any) -> None:
    """Central differences in the share of each head's original weights that is left, about 1/2 for those that go."""
    model, head = double("mpnet"), Head()
    statistic = GradientContribution(ALIGN, sign, second_order=0.4)
    first, second = gradients(model, head, statistic.first_order, statistic)
    order = np.argsort(first.numpy(), kind="stable")
    goes = set(order[: round(0.4 * len(order))].tolist())
    units = blocks(model, "head")
    originals = {name: model.weight(name).data.clone() for name, _ in units}

    def distances(unit: int, by: float) -> NDArray[np.float64]:
        for i, (name, index) in enumerate(units):
            left = (0.5 if i in goes else 1.0) + (by if i == unit else 0.0)
            model.weight(name).data[index] = left * originals[name][index]
        return losses(model, CALIBRATION)[0]

    slopes = np.array([(distances(u, -STEP) - distances(u, STEP)) / (2 * STEP) for u in range(len(units))])
    batches = slopes.reshape(len(units), -1, BATCH).mean(2)
    expected = {
        "signed": batches,
        "absolute": np.abs(batches),
        "absolute-example": np.abs(slopes),
        "squared": batches**2,
    }[sign].mean(1)
    assert np.allclose(second.numpy(), expected, rtol=1e-4, atol=1e-7)
    assert not np.allclose(first.numpy(), expected, rtol=1e-2)


def test_the_lowest_of_those_that_are_left_go() -> None:
    model, neuron = tiny_model(neurons=6), Neuron()
    gone = torch.tensor([True, False, True, True, True, True, True, True, False, True, True, True])
    contributions = torch.tensor([5.0, 0, 4, 1, 9, 2, 8, 7, 0, -3, 6, 3])
    with masked(model, neuron.keep(model, gone)):
        stays = without_lowest(model, neuron, contributions, 0.25)
    assert (gone & ~stays).nonzero().flatten().tolist() == [3, 5, 9]
    ties = without_lowest(model, neuron, torch.zeros(12), 0.5)
    assert torch.equal(ties, torch.from_numpy(select(np.zeros(12, np.float32), neuron.layers(model).numpy(), 6)))
    assert without_lowest(model, neuron, contributions, 0.01).all()


@pytest.mark.parametrize("granularity", GRANULARITIES, ids=lambda g: g.name)
def test_halving_is_of_the_carrying_weights_alone_and_temporary(granularity: Granularity) -> None:
    model = tiny_model()
    units = len(granularity.layers(model))
    stays = torch.rand(units, generator=torch.manual_seed(0)) > 0.3
    state = State.of(model)
    before = {name: parameter.clone() for name, parameter in model.backbone.named_parameters()}
    keep = granularity.keep(model, stays)
    carriers = {f"{name}.weight" for name in granularity.carriers(model)}
    with halved(model, granularity, stays):
        for name, parameter in model.backbone.named_parameters():
            whole = keep[name] if name in keep and name in carriers else torch.ones_like(parameter, dtype=torch.bool)
            assert torch.equal(parameter, before[name] * torch.where(whole, 1.0, 0.5))
    assert state.changes(model) == []


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_the_model_is_given_back_as_it_was(error: type[BaseException] | None) -> None:
    model = tiny_model()
    model.backbone.requires_grad_(False)
    state = State.of(model)
    batches: list[int] = []

    def value(left: Tensor, right: Tensor) -> Tensor:
        batches.append(len(left))
        if error and len(batches) == 4:
            raise error("in the second batch of the second pass")
        return align_loss(left, right)

    statistic = GradientContribution(Loss("failing", "pairs", value, separable=True), second_order=0.5)
    requests = [(Head(), statistic)]
    if error is None:
        collect(model, CALIBRATION, requests)
    else:
        with pytest.raises(error):
            collect(model, CALIBRATION, requests)
    assert len(batches) == 4
    assert state.changes(model) == []


def test_the_first_pass_is_shared_and_the_second_is_one_for_each_granularity() -> None:
    scorers: list[Scorer] = [
        Combined(second_order=0.25),
        Align(),
        Uniform(second_order=0.25),
        Align(second_order=0.25),
        Align(second_order=0.5, sign="signed"),
    ]
    requests = [(g, s) for g in GRANULARITIES[1:] for scorer in scorers for s in scorer.statistics()]
    told: list[str] = []
    collected = collect(tiny_model(), CALIBRATION, requests, told.append)
    assert collected.has(requests)
    assert [name for name in told if "second" not in name] == ["gradient of align", "gradient of uniform"]
    # Of align 0.25 absolute and 0.5 signed, of uniform 0.25 absolute.
    assert sorted(name for name in told if "second" in name) == sorted(
        [f"gradient of align, second order at {g}" for g in ("head", "neuron")] * 2
        + [f"gradient of uniform, second order at {g}" for g in ("head", "neuron")]
    )
    assert [one.name for one in passes_of(requests, CALIBRATION)] == told


def test_what_is_there_is_not_gathered_again() -> None:
    model, statistic = tiny_model(), GradientContribution(ALIGN, second_order=0.25)
    plain, corrected = [(Head(), statistic.first_order)], [(Head(), statistic)]
    told: list[str] = []
    have = collect(model, CALIBRATION, plain)
    found = collect(model, CALIBRATION, corrected, told.append, have)
    assert told == ["gradient of align, second order at head"]
    assert have.has(plain)
    assert not have.has(corrected)
    whole = collect(model, CALIBRATION, corrected)
    assert same_bits(found.gradients[Head(), statistic], whole.gradients[Head(), statistic])


def test_dropout_positives_have_the_same_dropout_in_both_passes() -> None:
    model = tiny_model()
    calibration = dataclasses.replace(sample_calibration(dropout=True), seed=3)
    # So small a share that no unit goes: both passes are then of one model.
    statistic = GradientContribution(ALIGN, second_order=0.01)
    collected = collect(model, calibration, [(Head(), statistic)])
    assert same_bits(*(collected.gradients[Head(), s] for s in (statistic, statistic.first_order)))
    assert collected.gradients[Head(), statistic].abs().max() > 0


@pytest.mark.parametrize("scorer", [Align, Uniform, Combined])
def test_it_is_an_option_of_every_gradient_scorer(scorer: type[Scorer]) -> None:
    corrected = scorer.model_validate({"second_order": 0.2})
    for plain, statistic in zip(scorer().statistics(), corrected.statistics(), strict=True):
        assert isinstance(plain, GradientContribution)
        assert statistic == dataclasses.replace(plain, second_order=0.2)
    for wrong in (0, 1, -0.1, "half"):
        with pytest.raises(ValidationError):
            scorer.model_validate({"second_order": wrong})
    keys = {
        scores_key(tiny_model(), CALIBRATION, s, Head())
        for s in (scorer(), corrected, scorer.model_validate({"second_order": 0.3}))
    }
    assert len(keys) == 3
    check_scorer(scorer, ("roberta",), second_order=0.25)


def test_a_run_counts_its_passes(bench: Bench) -> None:
    scorers = ["align", {"scorer": "align", "second_order": 0.25, "label": "corrected"}]
    results = bench.run(scorers=scorers, granularities=["head", "neuron"], sparsities=[0.125, 0.25])
    assert all(row.status == "ok" for row in results.rows)
    assert bench.passes == [
        "pass: gradient of align",
        "pass: gradient of align, second order at head",
        "pass: gradient of align, second order at neuron",
    ]
    bench.clear()
    bench.run(scorers=scorers, granularities=["head", "neuron"], sparsities=[0.125, 0.25])
    assert bench.passes == []


SECOND = {"scorer": "align", "second_order": 0.1}


@pytest.mark.parametrize("scorer", ["align", {"scorer": "uniform", "sign": "signed"}, SECOND], ids=str)
@pytest.mark.parametrize(("granularity", "sparsity"), [("neuron", 0.3), ("unstructured", 0.1), ("head", 0.5)])
def test_steps_score_again_under_the_mask_in_force_and_take_their_exact_share(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, scorer: Any, granularity: str, sparsity: float
) -> None:
    taken: list[tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]] = []

    def watched(contributions: NDArray[np.float32], *args: Any, **named: Any) -> NDArray[np.bool_]:
        mask = select(contributions, *args, **named)
        taken.append((contributions, named["kept"], mask))
        return mask

    monkeypatch.setattr(prune, "select", watched)
    steps = 4
    results = bench.run(scorers=[scorer], granularities=[granularity], sparsities=[sparsity], steps=steps)
    row = one(results, stage="screen", control=None, granularity=granularity)
    asked = round(sparsity * known(row.units_total))
    removed = [len(mask) - int(mask.sum()) for _, _, mask in taken]
    assert removed == [round(asked * share / steps) for share in range(1, steps + 1)]
    assert row.units_removed == asked
    again = 2 if scorer is SECOND else 1
    assert len(bench.passes) == steps * again
    for (before, _, mask), (after, kept, _) in pairwise(taken):
        assert np.array_equal(kept, mask)
        # What is gone contributes nothing, and what is left another amount than before.
        assert not after[~mask].any()
        assert not np.allclose(after[mask], before[mask], rtol=1e-3)


REAL: list[tuple[Loss, Granularity, float, Sign]] = [
    (ALIGN, Head(), 0.25, "signed"),
    (ALIGN, Head(), 0.25, "absolute"),
    (ALIGN, Neuron(), 0.02, "signed"),
    (ALIGN, Neuron(), 0.1, "signed"),
    (ALIGN, Neuron(), 0.1, "absolute"),
    (ALIGN, Unstructured(), 0.02, "signed"),
    (UNIFORM, Head(), 0.1, "signed"),
    (UNIFORM, Head(), 0.1, "absolute"),
]


@pytest.mark.slow
def test_on_the_embedded_model_it_is_nearer_to_the_joint_rise() -> None:
    source = resolve("senteval" if "ABLATE_DATA" in os.environ else "embedded", os.environ).source
    spec = CalibrationSpec(pairs=64, sentences=64)
    calibration = calibrate(spec, [source.load(name) for name in source.groups()["sts-train"]])
    model = load_model(ModelSpec(name="minilm"))
    dense = exact_losses(model, calibration)
    print(f"\n{source.label}")
    for loss, granularity, share, sign in REAL:
        plain, chosen = GradientContribution(loss), GradientContribution(loss, sign)
        found = collect(model, calibration, [(granularity, plain), (granularity, chosen)]).gradients
        stays = without_lowest(model, granularity, found[granularity, chosen], share)
        with halved(model, granularity, stays):
            half = collect(model, calibration, [(granularity, plain)]).gradients[granularity, plain]
        with masked(model, granularity.keep(model, stays)):
            rise = exact_losses(model, calibration)[loss.name] - dense[loss.name]
        first, second = (float(c[~stays].double().sum()) for c in (found[granularity, plain], 2 * half))
        what = f"{loss.name} {granularity.name} {share} {sign}"
        print(f"{what}: rise {rise:+.3f}, first order {first:+.3f}, second order {second:+.3f}")
        assert abs(second - rise) < abs(first - rise) / 2, what
