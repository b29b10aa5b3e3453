"""Runs a model with a gate on each unit: a number with which the unit's output is multiplied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn

from ablate.granularities.base import ColumnGranularity
from ablate.models.model import Model
from ablate.models.products import gradients_of_values

Gates = Mapping[ColumnGranularity, Tensor]
"""float [units] of each granularity, on the model's device: 1 leaves a unit as it is, and 0 removes it exactly."""


def embed_gated(model: Model, features: Mapping[str, Tensor], gates: Gates) -> Tensor:
    """The embeddings of a batch as ``Model.embed`` gives them, differentiable with respect to the gates.

    The model is not changed: gates are multiplied with the inputs of the modules that carry the units.

    Args:
        features: of the batch, padded, on the model's device.

    Returns:
        float [sentences, dim].
    """
    handles = []
    try:
        for granularity, values in gates.items():
            for name, columns in granularity.columns(model, values).items():
                carrier = model.backbone.get_submodule(name)
                handles.append(carrier.register_forward_pre_hook(_multiplied_by(columns)))
        return model.embed(features)
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def gradients_of_gates(model: Model) -> Iterator[None]:
    """Inside the block gradients are recorded, but none of the model's parameters needs one.

    So what :func:`embed_gated` gives is differentiated with respect to the gates alone, by fast products.
    """
    trainable = {parameter: parameter.requires_grad for parameter in model.network.parameters()}
    try:
        model.network.requires_grad_(False)
        with gradients_of_values(model.device):
            yield
    finally:
        for parameter, required in trainable.items():
            parameter.requires_grad_(required)


def _multiplied_by(columns: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor]]:
    return lambda _, inputs: (inputs[0] * columns,)
