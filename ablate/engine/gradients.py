"""One backward pass over the calibration set: the contributions to a loss of all units of all granularities.

A gradient determines what every unit contributes (see :mod:`ablate.engine.contribution`), so all granularities and all
scorers of the same loss share it. It is reduced to units batch by batch, because the rule for ``sign`` applies to each
batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ablate.data.calibration import Batch, Calibration
from ablate.engine.contribution import RULES, first_order, per_pair
from ablate.engine.inputs import forget, recorded_inputs
from ablate.engine.passes import ContributionRequest, Pass
from ablate.errors import AblateError
from ablate.granularities.base import ColumnGranularity, Granularity
from ablate.models.device import exact_float32
from ablate.models.dropout import dropout
from ablate.models.losses import Loss
from ablate.models.model import Model
from ablate.scorers.statistics import refuse_per_example


def gradient_pass(
    model: Model, calibration: Calibration, loss: Loss, planned: Pass, requests: Sequence[ContributionRequest]
) -> dict[ContributionRequest, Tensor]:
    """The requested contributions, float32 [units] each, on the CPU: means over the batches of the pass.

    Raises:
        AblateError: the loss of a batch is not finite.
        PluginError: ``absolute-example`` is asked for a loss or a granularity that does not support it.
    """
    for request in requests:
        refuse_per_example(*request)
    weights = {name: model.weight(name) for name in _carriers(model, [g for g, _ in requests])}
    by_pair = [g for g, statistic in requests if statistic.sign == "absolute-example"]
    batches = list(calibration.batches(planned.over, planned.size, planned.batch_size))
    with_dropout = calibration.dropout and loss.over == "pairs"
    totals: dict[ContributionRequest, Tensor] = {}
    with (
        _differentiable(model),
        dropout(model, calibration.seed) if with_dropout else nullcontext(),
        exact_float32(),
        recorded_inputs(model, _carriers(model, by_pair)) as inputs,
    ):
        for batch in batches:
            forget(inputs)
            value = _loss(model, loss, batch)
            # Not backward(), which would accumulate gradients over batches.
            calls = [given for of_module in inputs.values() for given in of_module]
            gradients = torch.autograd.grad(value, [*weights.values(), *calls])
            at_weights = dict(zip(weights, gradients[: len(weights)], strict=True))
            at_calls = gradients[len(weights) :]
            with torch.no_grad():
                units = _by_unit(model, weights, at_weights, [g for g, _ in requests])
                pairs = _by_pair_and_unit(model, inputs, at_calls, by_pair)
                for granularity, statistic in requests:
                    source = pairs if statistic.sign == "absolute-example" else units
                    share = RULES[statistic.sign](source[granularity]) / len(batches)
                    key = granularity, statistic
                    totals[key] = totals[key] + share if key in totals else share
    # Reduced on the device, and moved only now.
    return {request: total.cpu() for request, total in totals.items()}


def _carriers(model: Model, granularities: Sequence[Granularity]) -> list[str]:
    return sorted({name for granularity in granularities for name in granularity.carriers(model)})


def _by_unit(
    model: Model, weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor], granularities: Sequence[Granularity]
) -> dict[Granularity, Tensor]:
    """float32 [units] of each granularity: the contributions of one batch."""
    by_weight = {name: first_order(weight.detach(), gradients[name]) for name, weight in weights.items()}
    return {granularity: granularity.reduce(model, by_weight) for granularity in dict.fromkeys(granularities)}


def _by_pair_and_unit(
    model: Model,
    inputs: Mapping[str, Sequence[Tensor]],
    gradients: Sequence[Tensor],
    granularities: Sequence[Granularity],
) -> dict[Granularity, Tensor]:
    """float32 [pairs, units] of each granularity: the contributions to each pair's own loss.

    Args:
        inputs: of each call of each carrier.
        gradients: of these, in the same order.
    """
    left = iter(gradients)
    by_column = {
        name: torch.stack([per_pair(value, next(left)) for value in calls]).sum(0) for name, calls in inputs.items()
    }
    return {g: g.reduce_columns(model, by_column) for g in granularities if isinstance(g, ColumnGranularity)}


def _loss(model: Model, loss: Loss, batch: Batch) -> Tensor:
    embeddings = normalize(model.embed(model.pad(model.tokenize(list(batch.sentences)))), dim=1)
    value = loss.of(embeddings, batch.gold)
    if not value.isfinite():
        raise AblateError(f"loss '{loss.name}' is {value.item()} on a calibration batch, so there are no contributions")
    return value


@contextmanager
def _differentiable(model: Model) -> Iterator[None]:
    """Turns gradients on. Restores everything at the end of the block."""
    # All parameters get gradients, because an input has one only if something before it does.
    trainable = {parameter: parameter.requires_grad for parameter in model.backbone.parameters()}
    try:
        with torch.enable_grad():
            model.backbone.requires_grad_(True)
            yield
    finally:
        for parameter, required in trainable.items():
            parameter.requires_grad_(required)
