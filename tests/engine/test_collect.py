"""What the engine collects, against losses that are computed here, pair by pair, from embeddings."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.data.calibration import Calibration
from ablate.engine.collect import Collected, collect
from ablate.errors import AblateError, PluginError
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.models.load import load_model
from ablate.models.losses import ALIGN, UNIFORM, Loss, align_loss
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.scorers.align import Align
from ablate.scorers.combined import Combined
from ablate.scorers.statistics import GradientContribution, InputNorm, Sign
from ablate.scorers.uniform import Uniform
from ablate.testing.float64 import in_float64
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.samples import sample_calibration
from ablate.testing.state import State, same_bits
from ablate.testing.tiny import save_tiny, tiny_model

Floats = NDArray[np.float64]
PAIRS, SENTENCES, BATCH, STEP = 8, 12, 4, 1e-4
WEIGHTS_TRIED = 12
GRANULARITIES: tuple[Granularity, ...] = (Unstructured(), Head(), Neuron())
SIGNS: tuple[Sign, ...] = ("signed", "absolute", "absolute-example")


def blocks(model: Model, granularity: str) -> list[tuple[str, tuple[Any, Any]]]:
    """Module and index of the weights that carry each unit's output, in the order in which units are numbered."""
    found: list[tuple[str, tuple[Any, Any]]] = []
    for layer in model.architecture.layers:
        if granularity == "head":
            size = layer.head_size
            columns = [slice(h * size, (h + 1) * size) for h in range(layer.heads)]
            found += [(layer.attention_output, (slice(None), c)) for c in columns]
        elif granularity == "neuron":
            neurons = layer.ffn_in[0].count
            found += [(layer.ffn_out, (slice(None), j)) for j in range(neurons)]
        else:
            for name in layer.linears:
                rows, columns_ = model.weight(name).shape
                found += [(name, (i, j)) for i in range(rows) for j in range(columns_)]
    return found


def losses(model: Model, calibration: Calibration) -> tuple[Floats, Floats]:
    """Squared distance of each pair, and the uniform loss of each batch of sentences, term by term."""
    left, right = (list(side) for side in zip(*calibration.pairs, strict=True))
    with torch.no_grad():
        found = model.embed(model.pad(model.tokenize([*left, *right, *calibration.sentences]))).numpy()
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    x, y, rest = np.split(unit, [len(left), 2 * len(left)])
    uniform = []
    for start in range(0, len(rest), BATCH):
        batch = rest[start : start + BATCH]
        terms = [np.exp(-2 * np.sum((a - b) ** 2)) for i, a in enumerate(batch) for b in batch[i + 1 :]]
        uniform.append(np.log(np.mean(terms)))
    return np.sum((x - y) ** 2, axis=1), np.array(uniform)


@dataclass(frozen=True)
class Truth:
    """``-dL/dξ`` of some units by central differences: [units tried, pairs] of align, [units tried, batches]."""

    units: list[int]
    align: Floats
    uniform: Floats


def truth(model: Model, calibration: Calibration, granularity: str) -> Truth:
    everything = blocks(model, granularity)
    units = list(range(len(everything)))
    if granularity == "unstructured":
        units = np.random.default_rng(0).choice(len(everything), WEIGHTS_TRIED, replace=False).tolist()
    align, uniform = [], []
    for unit in units:
        name, index = everything[unit]
        weight = model.weight(name).data
        original = weight[index].clone()
        sides = []
        for by in (1 - STEP, 1 + STEP):
            weight[index] = original * by
            sides.append(losses(model, calibration))
        weight[index] = original
        (align_down, uniform_down), (align_up, uniform_up) = sides
        align.append((align_down - align_up) / (2 * STEP))
        uniform.append((uniform_down - uniform_up) / (2 * STEP))
    return Truth(units, np.array(align), np.array(uniform))


@dataclass(frozen=True)
class Case:
    collected: Collected
    truths: dict[str, Truth]

    def found(self, granularity: Granularity, loss: Loss, sign: Sign) -> Floats:
        values = self.collected.gradients[granularity, GradientContribution(loss, sign)]
        units: Floats = values.numpy()[self.truths[granularity.name].units]
        return units


@pytest.fixture(scope="module", params=STRUCTURES)
def case(request: pytest.FixtureRequest) -> Case:
    model = tiny_model(request.param, neurons=6)
    calibration = sample_calibration(pairs=PAIRS, sentences=SENTENCES, batch_size=BATCH)
    requests = [
        (granularity, GradientContribution(loss, sign))
        for granularity in GRANULARITIES
        for loss in (ALIGN, UNIFORM)
        for sign in SIGNS
        if sign != "absolute-example" or (loss is ALIGN and granularity.name != "unstructured")
    ]
    with in_float64(model.backbone):
        truths = {g.name: truth(model, calibration, g.name) for g in GRANULARITIES}
        return Case(collect(model, calibration, requests), truths)


def close(found: Floats, expected: Floats) -> bool:
    assert np.abs(expected).max() > 1e-4, "a contribution of zero would show nothing"
    return np.allclose(found, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("granularity", GRANULARITIES, ids=lambda g: g.name)
def test_a_contribution_is_minus_the_slope_of_the_loss_in_the_mask_variable(
    case: Case, granularity: Granularity
) -> None:
    expected = case.truths[granularity.name]
    assert close(case.found(granularity, ALIGN, "signed"), expected.align.mean(1))
    assert close(case.found(granularity, UNIFORM, "signed"), expected.uniform.mean(1))


@pytest.mark.parametrize("granularity", GRANULARITIES, ids=lambda g: g.name)
def test_absolute_is_taken_of_each_batch(case: Case, granularity: Granularity) -> None:
    expected = case.truths[granularity.name]
    batches = expected.align.reshape(len(expected.units), -1, BATCH).mean(2)
    assert not np.allclose(np.abs(batches).mean(1), np.abs(batches.mean(1)), rtol=1e-2)
    assert close(case.found(granularity, ALIGN, "absolute"), np.abs(batches).mean(1))
    assert close(case.found(granularity, UNIFORM, "absolute"), np.abs(expected.uniform).mean(1))


@pytest.mark.parametrize("granularity", GRANULARITIES[1:], ids=lambda g: g.name)
def test_absolute_example_is_taken_of_each_pair(case: Case, granularity: Granularity) -> None:
    expected = case.truths[granularity.name].align
    assert not np.allclose(np.abs(expected).mean(1), np.abs(expected.mean(1)), rtol=1e-2)
    assert close(case.found(granularity, ALIGN, "absolute-example"), np.abs(expected).mean(1))


def test_one_pass_a_loss_serves_every_scorer_and_granularity() -> None:
    model, calibration = tiny_model(), sample_calibration()
    embedded: list[int] = []

    def embed(features: Any) -> Tensor:
        embedded.append(len(features["input_ids"]))
        return model.embed(features)

    passes: list[str] = []
    scorers = (Align(), Uniform(), Combined(), Combined(lambda_=0.1, sign="absolute"), Align(sign="absolute"))
    requests = [(g, s) for g in GRANULARITIES for scorer in scorers for s in scorer.statistics()]
    collected = collect(dataclasses.replace(model, embed=embed), calibration, requests, passes.append)
    assert sorted(passes) == ["gradient of align", "gradient of uniform"]
    # Two batches of four pairs, and three of four sentences.
    assert sorted(embedded) == [4, 4, 4, 8, 8]
    assert collected.has(requests)


def test_another_size_or_batch_is_another_pass() -> None:
    passes: list[str] = []
    statistics = (
        GradientContribution(ALIGN),
        GradientContribution(ALIGN, batch_size=2),
        GradientContribution(ALIGN, size=4),
    )
    collect(tiny_model(), sample_calibration(), [(Head(), s) for s in statistics], passes.append)
    assert passes == ["gradient of align"] * 3


def test_a_smaller_size_takes_the_first_and_leaves_out_what_fills_no_batch() -> None:
    model, calibration = tiny_model(), sample_calibration(pairs=8)
    statistic = GradientContribution(ALIGN, size=6)
    first = dataclasses.replace(calibration, pairs=calibration.pairs[:4])
    found = collect(model, calibration, [(Head(), statistic)]).gradients[Head(), statistic]
    expected = collect(model, first, [(Head(), GradientContribution(ALIGN))])
    assert torch.equal(found, expected.gradients[Head(), GradientContribution(ALIGN)])


def align_contributions(model: Model, calibration: Calibration) -> Tensor:
    statistic = GradientContribution(ALIGN)
    return collect(model, calibration, [(Head(), statistic)]).gradients[Head(), statistic]


def test_dropout_makes_positives_of_one_sentence_with_itself() -> None:
    model, calibration = tiny_model(), sample_calibration(dropout=True)
    state = State.of(model)
    first = align_contributions(model, calibration)
    assert (first != 0).all()
    assert state.changes(model) == []
    torch.rand(3)
    assert same_bits(align_contributions(model, calibration), first)
    assert not torch.equal(align_contributions(model, dataclasses.replace(calibration, seed=1)), first)
    without = dataclasses.replace(calibration, dropout=False)
    assert torch.allclose(align_contributions(model, without), torch.zeros(8), atol=1e-6)


def test_dropout_positives_leave_uniformity_and_norms_alone() -> None:
    model, calibration = tiny_model(), sample_calibration(dropout=True)
    plain = dataclasses.replace(calibration, dropout=False)
    uniform = GradientContribution(UNIFORM)
    both = [collect(model, c, [(Head(), uniform), (Head(), InputNorm())]) for c in (calibration, plain)]
    assert same_bits(*(c.gradients[Head(), uniform] for c in both))
    for name, norm in both[0].norms[InputNorm()].items():
        assert same_bits(norm, both[1].norms[InputNorm()][name])


def test_absolute_example_is_refused_where_it_has_no_meaning() -> None:
    model, calibration = tiny_model(), sample_calibration()
    with pytest.raises(PluginError, match="'uniform' is not"):
        collect(model, calibration, [(Head(), GradientContribution(UNIFORM, "absolute-example"))])
    with pytest.raises(PluginError, match="not 'unstructured'"):
        collect(model, calibration, [(Unstructured(), GradientContribution(ALIGN, "absolute-example"))])


def test_a_loss_that_is_not_finite_is_refused() -> None:
    loss = Loss("broken", "pairs", lambda x, y: align_loss(x, y) / 0)
    with pytest.raises(AblateError, match="'broken' is inf"):
        collect(tiny_model(), sample_calibration(), [(Head(), GradientContribution(loss))])


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("dropout", [False, True])
def test_the_model_is_given_back_as_it_was(error: type[BaseException] | None, dropout: bool) -> None:
    model, calibration = tiny_model(), sample_calibration(dropout=dropout)
    frozen = model.weight(model.architecture.layers[0].query[0].name)
    frozen.requires_grad_(False)
    model.backbone.get_submodule(model.architecture.layers[1].ffn_in[0].name).train()
    state = State.of(model)
    batches: list[int] = []

    def value(left: Tensor, right: Tensor) -> Tensor:
        batches.append(len(left))
        if error and len(batches) == 2:
            raise error("in the second batch")
        return align_loss(left, right)

    loss = Loss("failing", "pairs", value, separable=True)
    requests = [(g, GradientContribution(loss, sign)) for g in GRANULARITIES[1:] for sign in SIGNS]
    if error is None:
        collect(model, calibration, requests)
    else:
        with pytest.raises(error):
            collect(model, calibration, requests)
    assert len(batches) == 2
    assert state.changes(model) == []


def test_a_frozen_model_has_the_same_contributions() -> None:
    model, calibration = tiny_model(), sample_calibration()
    requests = [(Head(), GradientContribution(ALIGN, sign)) for sign in SIGNS]
    expected = collect(model, calibration, requests).gradients
    model.backbone.requires_grad_(False)
    found = collect(model, calibration, requests).gradients
    for request in requests:
        assert same_bits(found[request], expected[request])
    assert not any(p.requires_grad for p in model.backbone.parameters())


def test_every_batch_has_its_own_inputs_also_where_the_library_runs_the_model(tmp_path: Path) -> None:
    """sentence-transformers calls the backbone's ``forward``, so that hooks of the backbone itself do not run."""
    request = Head(), GradientContribution(ALIGN, "absolute-example")
    calibration = sample_calibration(pairs=12, batch_size=4)
    own, bare = load_model(ModelSpec(name=str(save_tiny(tmp_path, "albert")))), tiny_model("albert")
    found = [collect(model, calibration, [request]).gradients[request] for model in (own, bare)]
    torch.testing.assert_close(*found)
    norms = [collect(model, calibration, [(Head(), InputNorm())]).norms[InputNorm()] for model in (own, bare)]
    torch.testing.assert_close(*norms)
