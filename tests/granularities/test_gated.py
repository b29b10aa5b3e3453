"""Gates: 1 changes nothing, 0 removes a unit exactly, and gradients are finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ablate.granularities.base import ColumnGranularity
from ablate.granularities.gated import embed_gated, gradients_of_gates
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.samples import sample_calibration
from ablate.testing.tiny import tiny_model

GRANULARITIES: tuple[ColumnGranularity, ...] = (Head(), Neuron())
SENTENCES = list(sample_calibration().sentences)[:6]


def features_of(model: Model) -> dict[str, Tensor]:
    return model.pad(model.tokenize(SENTENCES))


def open_gates(model: Model) -> dict[ColumnGranularity, Tensor]:
    return {g: torch.ones(len(g.layers(model))) for g in GRANULARITIES}


@pytest.mark.parametrize("family", STRUCTURES)
def test_open_gates_change_nothing(family: str) -> None:
    model = tiny_model(family)
    features = features_of(model)
    with torch.no_grad():
        assert torch.equal(embed_gated(model, features, open_gates(model)), model.embed(features))


@pytest.mark.parametrize("family", STRUCTURES)
@pytest.mark.parametrize("granularity", GRANULARITIES, ids=lambda g: g.name)
def test_a_closed_gate_removes_its_unit(family: str, granularity: ColumnGranularity) -> None:
    model = tiny_model(family)
    features = features_of(model)
    keep = torch.arange(len(granularity.layers(model))) % 3 > 0
    with torch.no_grad():
        closed = embed_gated(model, features, {granularity: keep.float()})
        with masked(model, granularity.keep(model, keep)):
            truth = model.embed(features)
    torch.testing.assert_close(closed, truth, atol=1e-6, rtol=0)
    assert not torch.allclose(closed, model.embed(features), atol=1e-3)


@pytest.mark.parametrize("granularity", GRANULARITIES, ids=lambda g: g.name)
def test_gradients_are_finite_differences(granularity: ColumnGranularity) -> None:
    model = tiny_model()
    model.network.double()
    features = features_of(model)
    gates = torch.linspace(0.2, 1, len(granularity.layers(model)), dtype=torch.float64).requires_grad_()

    def value(at: Tensor) -> Tensor:
        return embed_gated(model, features, {granularity: at}).sin().sum()

    trainable = [parameter.requires_grad for parameter in model.network.parameters()]
    with gradients_of_gates(model):
        assert not any(parameter.requires_grad for parameter in model.network.parameters())
        (gradient,) = torch.autograd.grad(value(gates), gates)
    assert [parameter.requires_grad for parameter in model.network.parameters()] == trainable
    step = 1e-6
    for unit in (0, 3, len(gates) - 1):
        moved = torch.zeros_like(gates)
        moved[unit] = step
        with torch.no_grad():
            difference = (value(gates + moved) - value(gates - moved)) / (2 * step)
        assert float(gradient[unit]) == pytest.approx(float(difference), rel=1e-5, abs=1e-8)


def test_no_hook_is_left_behind_after_an_error() -> None:
    model = tiny_model()
    with pytest.raises(ValueError, match="exactly one"):
        embed_gated(model, {"nothing": torch.zeros(1)}, open_gates(model))
    assert all(not module._forward_pre_hooks for module in model.backbone.modules())
