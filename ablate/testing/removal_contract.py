"""Checks of removal: it changes embeddings, it can be undone, and first-order contributions are its slope."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ablate.granularities.base import Granularity
from ablate.models.losses import uniform_loss
from ablate.models.masked import masked
from ablate.models.materialize import CLOSE, largest_difference, loses_units, materialized
from ablate.models.model import Model
from ablate.testing.contract import DoesNotApply, require
from ablate.testing.samples import sample_sentences
from ablate.testing.state import same_bits

_STEP = 1e-4


def without(mask: Tensor, *units: int) -> Tensor:
    """A copy of a mask with these units removed."""
    changed = mask.clone()
    changed[list(units)] = False
    return changed


def check_removal(granularity: Granularity, model: Model, units: list[int], who: str) -> None:
    """Checks that the removal of a unit changes embeddings, and that it is undone bit for bit."""
    features = model.pad(model.tokenize(list(sample_sentences(6))))
    all_units = torch.ones(len(granularity.layers(model)), dtype=torch.bool)
    with torch.no_grad():
        dense = model.embed(features)
        for unit in units:
            with masked(model, granularity.keep(model, without(all_units, unit))):
                removed = model.embed(features)
            require(not torch.equal(removed, dense), f"{who}: removing unit {unit} does not change an embedding")
            require(same_bits(model.embed(features), dense), f"{who}: unit {unit} is not restored bit for bit")


def check_materialized(granularity: Granularity, model: Model, who: str) -> None:
    """Checks that the smaller model, without the heads and neurons, gives the embeddings of the masked one.

    Raises:
        ContractBroken: it does not, or ``keep`` depends on the mask in force.
        DoesNotApply: the units are not whole heads or neurons, so they stay in the model as zeros.
    """
    features = model.pad(model.tokenize(list(sample_sentences(6))))
    layers = granularity.layers(model)
    # Removes a quarter of the units, but all units of the first layer except one, so that layers are uneven.
    mask = torch.arange(len(layers)) % 4 != 0
    mask[layers == layers[0]] = False
    mask[0] = True
    keep = granularity.keep(model, mask)
    if not loses_units(model, keep):
        raise DoesNotApply("its masks remove no whole head or neuron, and leave zeros in a model of the same shape")
    with torch.no_grad():
        with masked(model, keep):
            expected = model.embed(features)
            again = granularity.keep(model, mask)
        require(
            keep.keys() == again.keys() and all(torch.equal(kept, again[name]) for name, kept in keep.items()),
            f"{who}: keep returns something else while the mask is in force; it may use shapes, but not weights",
        )
        with materialized(model, keep):
            actual = model.embed(features)
    largest = largest_difference(expected, actual)
    require(
        largest <= CLOSE, f"{who}: the smaller model's embeddings differ from those of the masked one by {largest:.1e}"
    )


def check_first_order(granularity: Granularity, model: Model, units: list[int], who: str) -> None:
    """Checks that ``-Σ w · dL/dw`` over a unit's weights is the slope of L as the unit is scaled down (in float64)."""
    sentences = list(sample_sentences(6))
    weights = {name: model.weight(name) for name in granularity.carriers(model)}
    gradients = torch.autograd.grad(_loss(model, sentences), list(weights.values()))
    products = {n: -w.detach() * g for (n, w), g in zip(weights.items(), gradients, strict=True)}
    contributions = granularity.reduce(model, products).double()
    all_units = torch.ones(len(contributions), dtype=torch.bool)
    for unit in units:
        keep = granularity.keep(model, without(all_units, unit))
        carried = {name: ~keep[f"{name}.weight"] for name in weights if f"{name}.weight" in keep}
        # A central difference, whose error is of second order in the step.
        below, above = (_loss_scaled(model, carried, sentences, scale) for scale in (1 - _STEP, 1 + _STEP))
        slope = (below - above) / (2 * _STEP)
        require(
            bool(torch.isclose(contributions[unit], slope, rtol=1e-4, atol=1e-7)),
            f"{who}: the reduced contribution of unit {unit} is {contributions[unit]:.6g}, but the loss rises by "
            f"{slope:.6g} for each share of it that is removed",
        )


def _loss(model: Model, sentences: list[str]) -> Tensor:
    return uniform_loss(normalize(model.embed(model.pad(model.tokenize(sentences))), dim=1))


def _loss_scaled(model: Model, carried: dict[str, Tensor], sentences: list[str], scale: float) -> Tensor:
    """The loss with some weights multiplied by ``scale``. carried: name -> bool tensor, True = multiplied."""
    originals = {name: model.weight(name).data for name in carried}
    try:
        for name, part in carried.items():
            model.weight(name).data = originals[name].where(~part, originals[name] * scale)
        with torch.no_grad():
            return _loss(model, sentences)
    finally:
        for name, original in originals.items():
            model.weight(name).data = original
