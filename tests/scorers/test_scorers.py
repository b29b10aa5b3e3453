"""The built-in scorers, by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.models.losses import ALIGN, UNIFORM
from ablate.models.model import Model
from ablate.scorers.align import Align
from ablate.scorers.base import Scorer, View
from ablate.scorers.combined import Combined, Normalize
from ablate.scorers.magnitude import Magnitude
from ablate.scorers.random import Random
from ablate.scorers.statistics import GradientContribution
from ablate.scorers.uniform import Uniform
from ablate.testing.tiny import tiny_model

LAYERS = torch.tensor([0, 0, 1, 1])
GRADIENTS = {ALIGN: torch.tensor([3.0, -4, 0, 12]), UNIFORM: torch.tensor([0.0, 2, 6, -8])}


def view(scorer: Scorer, **changed: Tensor) -> View:
    model, granularity = tiny_model(layers=1), Head()
    gradients = {
        s: changed.get(s.loss.name, GRADIENTS[s.loss])
        for s in scorer.statistics()
        if isinstance(s, GradientContribution)
    }
    return View(model, granularity, LAYERS, gradients, {}, torch.Generator(), LAYERS >= 0)


@pytest.mark.parametrize("sign", ["signed", "absolute", "absolute-example"])
def test_align_is_its_statistic(sign: Any) -> None:
    scorer = Align(sign=sign, pairs=6, batch_size=3)
    assert scorer.statistics() == (GradientContribution(ALIGN, sign, 6, 3),)
    assert scorer.score(view(scorer)).tolist() == [3, -4, 0, 12]
    assert scorer.signed == (sign == "signed")


@pytest.mark.parametrize("sign", ["signed", "absolute"])
def test_uniform_is_its_statistic(sign: Any) -> None:
    scorer = Uniform(sign=sign, sentences=6, batch_size=3)
    assert scorer.statistics() == (GradientContribution(UNIFORM, sign, 6, 3),)
    assert scorer.score(view(scorer)).tolist() == [0, 2, 6, -8]
    assert scorer.signed == (sign == "signed")


# ‖align‖ is 13 over all, 5 and 12 by layer; ‖uniform‖ is √104 over all, 2 and 10 by layer.
BY_HAND: dict[Normalize, list[float]] = {
    "none": [0.25 * 3, 0.25 * -4 + 0.75 * 2, 0.75 * 6, 0.25 * 12 + 0.75 * -8],
    "global": [
        0.25 * 3 / 13,
        0.25 * -4 / 13 + 0.75 * 2 / 104**0.5,
        0.75 * 6 / 104**0.5,
        0.25 * 12 / 13 + 0.75 * -8 / 104**0.5,
    ],
    "layer": [0.25 * 0.6, 0.25 * -0.8 + 0.75, 0.75 * 0.6, 0.25 + 0.75 * -0.8],
}


@pytest.mark.parametrize("normalize", BY_HAND)
def test_combined_by_hand(normalize: Normalize) -> None:
    scorer = Combined.model_validate({"lambda": 0.25, "normalize": normalize})
    assert scorer.score(view(scorer)).tolist() == pytest.approx(BY_HAND[normalize], rel=1e-6)


def test_combined_at_either_end_is_one_of_the_two() -> None:
    for weight, loss in ((1, ALIGN), (0, UNIFORM)):
        scorer = Combined(lambda_=weight, normalize="none")
        assert scorer.score(view(scorer)).tolist() == GRADIENTS[loss].tolist()


@pytest.mark.parametrize("normalize", ["layer", "global"])
def test_contributions_of_zero_stay_zero(normalize: Normalize) -> None:
    scorer = Combined(lambda_=0.5, normalize=normalize)
    found = scorer.score(view(scorer, align=torch.zeros(4), uniform=torch.tensor([0.0, 0, 3, 4])))
    assert found.tolist() == pytest.approx([0, 0, 0.3, 0.4])


def test_combined_declares_what_align_and_uniform_do() -> None:
    both = Align(sign="signed").statistics() + Uniform(sign="signed").statistics()
    assert Combined(sign="signed").statistics() == both
    absolute = Combined(sign="absolute", pairs=8, sentences=9, batch_size=4)
    assert absolute.statistics() == (
        GradientContribution(ALIGN, "absolute", 8, 4),
        GradientContribution(UNIFORM, "absolute", 9, 4),
    )
    assert Combined(sign="signed").signed
    assert not absolute.signed


@pytest.mark.parametrize(
    ("scorer", "parameters"),
    [
        (Combined, {"lambda": 1.1}),
        (Combined, {"lambda": -0.1}),
        (Combined, {"sign": "absolute-example"}),
        (Combined, {"normalize": "unit"}),
        (Uniform, {"sign": "absolute-example"}),
        (Uniform, {"sentences": 1}),
        (Uniform, {"batch_size": 1}),
        (Align, {"pairs": 0}),
        (Align, {"batchsize": 2}),
        (Magnitude, {"sign": "signed"}),
    ],
)
def test_wrong_parameters_are_refused(scorer: type[Scorer], parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        scorer.model_validate(parameters)


def tiny_by_hand() -> Model:
    """One layer of 2 heads of width 2 and 3 neurons; attention output -1 … -16, second FFN matrix 1 … 12."""
    model = tiny_model(layers=1, heads=2, width=4, neurons=3)
    layer = model.architecture.layers[0]
    model.weight(layer.attention_output).data = -torch.arange(1.0, 17).view(4, 4)
    model.weight(layer.ffn_out).data = torch.arange(1.0, 13).view(4, 3)
    return model


def magnitude(model: Model, granularity: Granularity) -> list[float]:
    units = granularity.layers(model)
    found: list[float] = (
        Magnitude().score(View(model, granularity, units, {}, {}, torch.Generator(), units >= 0)).tolist()
    )
    return found


def test_magnitude_by_hand() -> None:
    model = tiny_by_hand()
    first = sum(w * w for w in (1, 2, 5, 6, 9, 10, 13, 14))
    second = sum(w * w for w in (3, 4, 7, 8, 11, 12, 15, 16))
    assert magnitude(model, Head()) == pytest.approx([math.sqrt(first), math.sqrt(second)])
    columns = [(1, 4, 7, 10), (2, 5, 8, 11), (3, 6, 9, 12)]
    assert magnitude(model, Neuron()) == pytest.approx([math.sqrt(sum(w * w for w in c)) for c in columns])
    weights = magnitude(model, Unstructured())
    # Query, key and value (16 each), attention output, first FFN matrix (12), second.
    assert weights[48:64] == list(range(1, 17))
    assert weights[76:] == list(range(1, 13))
    query = model.weight(model.architecture.layers[0].query[0].name).detach()
    assert weights[:16] == pytest.approx(query.abs().flatten().tolist())


def test_random_is_uniform_and_of_its_seed_alone() -> None:
    def drawn(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        layers = torch.zeros(5000)
        return Random().score(View(tiny_model(), Head(), layers, {}, {}, generator, layers == 0))

    first = drawn(0)
    assert torch.equal(first, drawn(0))
    assert not torch.equal(first, drawn(1))
    assert 0 <= first.min() < 0.01 < 0.99 < first.max() < 1
    assert first.mean().item() == pytest.approx(0.5, abs=0.02)
    assert Random.seeded
    assert not Random().signed
