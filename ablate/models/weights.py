"""Exchanges the weights of a model, for the duration of a block or for good."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

from ablate.models.model import Model

Weights = Mapping[str, Tensor]
"""Every parameter of a backbone by name, float32 on the CPU."""


@contextmanager
def weighted(model: Model, weights: Weights | None) -> Iterator[None]:
    """Gives the model other weights inside the block. Its own are put back afterwards, also after an error.

    Args:
        weights: None leaves the model as it is.

    Raises:
        ModelError: another thread has the model, under a mask or with other weights.
    """
    if weights is None:
        yield
        return
    with model.guard.hold():
        originals = {name: parameter.data for name, parameter in model.backbone.named_parameters()}
        try:
            put_in(model, weights)
            yield
        finally:
            put_in(model, originals)


def weights_hash(weights: Weights) -> str:
    """sha256 of the names and values of the weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().contiguous().numpy().data)
    return digest.hexdigest()


def put_in(model: Model, weights: Weights) -> None:
    """Replaces the model's weights permanently. Tensors that are on the model's device are not copied."""
    for name, parameter in model.backbone.named_parameters():
        parameter.data = weights[name].to(parameter.device)
