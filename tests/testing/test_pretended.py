"""The pretended device finds code that would fail on a GPU: each of the moves between devices is needed."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FunctionType
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from ablate.engine import gradients, norms, score, second_order
from ablate.engine.collect import collect
from ablate.engine.score import score as scored
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.replay import removals
from ablate.granularities.units import Units
from ablate.models import dropout, encode, losses, masked, weights
from ablate.models.materialize import materialized
from ablate.models.model import Model
from ablate.plan.plan import Step
from ablate.scorers.align import Align
from ablate.scorers.base import Scorer, View
from ablate.scorers.combined import Combined
from ablate.scorers.correlation import Correlation
from ablate.scorers.magnitude import Magnitude
from ablate.scorers.oracle import Oracle
from ablate.scorers.random import Random
from ablate.scorers.statistics import InputNorm
from ablate.scorers.uniform import Uniform
from ablate.testing import ContractBroken, check_granularity, check_scorer
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.pretended import PRETENDED, MixedDevices, is_pretended, on_pretended_device, pretended_device
from ablate.testing.samples import sample_calibration
from ablate.testing.state import State
from ablate.testing.tiny import tiny_model


class Norms(Scorer):
    """Wanda, which looks at weights and norms together."""

    name: ClassVar[str] = "norms"
    help: ClassVar[str] = "weights times the norms of their inputs"

    def statistics(self) -> tuple[InputNorm, ...]:
        return (InputNorm(),)

    def score(self, view: View) -> Tensor:
        of = view.input_norms[InputNorm()]
        return view.reduce({name: weight.abs() * of[name] for name, weight in view.weights().items()})


SCORERS: tuple[Scorer, ...] = (
    Align(),
    Align(sign="absolute-example"),
    Align(sign="signed", second_order=0.25),
    Uniform(),
    Combined(),
    Correlation(),
    Magnitude(),
    Random(),
    Norms(),
    Oracle(on=("align",)),
)
SENTENCES = sample_calibration().sentences[:12]


def everything(model: Model) -> dict[str, Tensor]:
    """What a run computes with a model: contributions of every kind, masks, embeddings, exact removals."""
    found: dict[str, Tensor] = {}
    calibration = sample_calibration()
    for number, scorer in enumerate(SCORERS):
        step = Step(((Head(), 0.25),), scorer, str(number))
        for drops in (False, True) if isinstance(scorer, Align) else (False,):
            examples = replace(calibration, dropout=drops)
            collected = collect(model, examples, step.requests)
            of = scored(model, examples, step, collected, {Head(): Head().layers(model)})
            found[f"scores {number} {drops}"] = torch.from_numpy(of[Head()])
    # In the first layer alone, so that the mask has nothing on the weights of the second.
    mask = torch.arange(len(Head().layers(model))) != 1
    units = Units().with_mask(Head(), mask.numpy())
    units = units.with_mask(Neuron(), (torch.arange(len(Neuron().layers(model))) % 2 == 0).numpy())
    found["left"] = torch.from_numpy(units.left(model, Head(), len(mask)))
    # The same batches on each device, so that the sums are taken in the same order.
    prepared = encode.prepare(model, SENTENCES, token_budget=64)
    keep = units.keep(model)
    for name, way in (("masked", masked.masked), ("materialized", materialized)):
        with way(model, keep):
            found[name] = encode.encode(model, prepared)
    for number, embeddings in removals(model, prepared, Head(), [torch.tensor([1]), torch.tensor([6])]):
        found[f"removed {number}"] = embeddings
    others = {name: parameter.detach().cpu() / 2 for name, parameter in model.backbone.named_parameters()}
    with weights.weighted(model, others):
        found["weighted"] = encode.encode(model, prepared)
    return found


@pytest.mark.parametrize("family", STRUCTURES)
def test_everything_is_the_same_there_and_the_model_unchanged(family: str) -> None:
    model = tiny_model(family)
    here, state = everything(model), State.of(model)
    with on_pretended_device(model):
        assert model.device == PRETENDED
        there = everything(model)
        assert not any(is_pretended(tensor) for tensor in there.values())
    assert model.device == torch.device("cpu")
    assert state.changes(model) == []
    assert there.keys() == here.keys()
    for name, tensor in here.items():
        # With dropout, attention is by another kernel there: where attention itself has no dropout, that shows.
        torch.testing.assert_close(there[name], tensor, rtol=0, atol=1e-6 if name.endswith("True") else 0, msg=name)


BROKEN: dict[str, tuple[Callable[..., Any], str, str]] = {
    "a mask stays where it was made": (masked.masked, "kept.to(parameter.device)", "kept"),
    "embeddings stay there": (encode._encode, "part.float().cpu()", "part"),
    "indices of the pairs": (losses.uniform_loss, ", 1, device=squared.device)", ", 1)"),
    "gold scores": (losses.Loss.of, "gold.to(embeddings.device)", "gold"),
    "sums of the norms": (norms.input_norms, "device=model.device", "device=None"),
    "the first-order contributions": (gradients.gradient_pass, "total.cpu()", "total"),
    "the units to halve": (second_order.without_lowest, "> 0).cpu()", "> 0)"),
    "the weights to halve": (second_order.halved, ".to(weight.device)", ""),
    "the scores": (score._checked, ".detach().cpu()", ".detach()"),
    "the norms for a scorer": (score.view_of, "name: norm.to(device)", "name: norm"),
    "the units that are left": (Units.left, "> 0).cpu()", "> 0)"),
    "the carriers of units that are left": (Units.left, "kept.to(weight.device)", "kept"),
    "other weights": (weights.put_in, ".to(parameter.device)", ""),
    "draws of dropout": (dropout.dropout, 'model.device.type != "cpu"', "False"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_move_that_is_left_out_is_found(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, before, after = BROKEN[what]
    break_it(monkeypatch, function, before, after)
    model = tiny_model()
    everything(model)
    with pytest.raises(MixedDevices), on_pretended_device(model):
        everything(model)


def break_it(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], before: str, after: str) -> None:
    """Changes the code of a function in place, wherever it was imported."""
    inner = inspect.unwrap(function)
    assert isinstance(inner, FunctionType)
    source = textwrap.dedent(inspect.getsource(inner))
    assert source.count(before) == 1, source
    lines = source.replace(before, after).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("def "))
    namespace = dict(inner.__globals__)
    exec("\n".join(["from __future__ import annotations", *lines[first:]]), namespace)
    monkeypatch.setattr(inner, "__code__", namespace[inner.__name__].__code__)


def test_what_a_gpu_refuses() -> None:
    with pretended_device() as device:
        there, here = torch.ones(2, 3, device=device), torch.ones(2, 3)
        refused: list[Callable[[], object]] = [
            lambda: there + here,
            lambda: torch.cat([there, here]),
            lambda: there[torch.tensor([0])],
            lambda: here.where(there > 0, 0.0),
            lambda: there.numpy(),
            lambda: there.bernoulli_(0.5),
            lambda: torch.rand(3, device=device),
            lambda: torch.zeros(3, device=device).uniform_(),
        ]
        for operation in refused:
            with pytest.raises(MixedDevices):
                operation()


def test_what_a_gpu_accepts() -> None:
    with pretended_device() as device:
        there, here = torch.ones(2, 3, device=device), torch.ones(2, 3)
        for tensor in (there.t(), there + torch.tensor(2.0), there * 2, torch.zeros_like(there), here.to(there.device)):
            assert tensor.device == device
        assert here.to(there).device == device
        assert there.data.device == there[0].device == there.clone().device == device
        for tensor in (there.cpu(), there.to("cpu"), here, torch.empty_like(there, device="cpu")):
            assert tensor.device == torch.device("cpu")
        assert here.copy_(there).device == torch.device("cpu")
        assert there.sum().item() == 6
        there.requires_grad_(True)
        (gradient,) = torch.autograd.grad((there * 3).sum(), there)
        assert gradient.device == device


class OnTheCpu(Scorer):
    """Fails on a GPU, as plug-ins do whose authors have none."""

    name: ClassVar[str] = "on-the-cpu"
    help: ClassVar[str] = "adds a tensor that it makes without a device"

    def score(self, view: View) -> Tensor:
        return view.reduce({name: w.abs() for name, w in view.weights().items()}) + torch.ones(len(view.layers))


class AsArray(OnTheCpu):
    name: ClassVar[str] = "as-array"

    def score(self, view: View) -> Tensor:
        return torch.from_numpy(view.reduce({n: w.abs() for n, w in view.weights().items()}).numpy())


@pytest.mark.parametrize("scorer", [OnTheCpu, AsArray])
def test_the_contract_of_scorers_finds_it(scorer: type[Scorer]) -> None:
    with pytest.raises(ContractBroken, match="would fail on a GPU: "):
        check_scorer(scorer, families=["bert"])


class Indexed(Head):
    name: ClassVar[str] = "indexed"

    def reduce(self, model: Model, values: Mapping[str, Tensor]) -> Tensor:
        return super().reduce(model, values)[torch.arange(len(self.layers(model)))]


def test_the_contract_of_granularities_finds_it() -> None:
    with pytest.raises(ContractBroken, match="would fail on a GPU: aten.index.Tensor"):
        check_granularity(Indexed, families=["bert"])
