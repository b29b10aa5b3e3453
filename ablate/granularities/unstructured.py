"""Single weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ablate.granularities.base import Granularity
from ablate.models.model import Model

BINS = 10
"""Groups of the weights of a matrix by their absolute value."""


class Unstructured(Granularity):
    """A single weight of an encoder linear layer: query, key, value, attention output, both FFN matrices.

    Embeddings, layer norms, biases and poolers are not units. The units are the denominator of the sparsity.
    """

    name: ClassVar[str] = "unstructured"
    help: ClassVar[str] = "single weights of the encoder's linear layers"

    matching: ClassVar[str] = "layer, matrix and decile of magnitude"

    min_keep: int = Field(default=0, ge=0, description="units that every layer keeps")

    def carriers(self, model: Model) -> tuple[str, ...]:
        return tuple(linear for layer in model.architecture.layers for linear in layer.linears)

    def layers(self, model: Model) -> Tensor:
        counts = [sum(model.weight(m).numel() for m in layer.linears) for layer in model.architecture.layers]
        return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))

    def alike(self, model: Model) -> Tensor:
        """The matrix of each weight, and the decile of its absolute value in that matrix.

        By exact rank; of equal values the first in the matrix has the lower rank. Most small weights can go without
        harm, and few large ones, so random weights of any size would be no match for weights that were chosen.
        """
        groups = [
            BINS * number + _bins(model.weight(linear).detach()) for number, linear in enumerate(self.carriers(model))
        ]
        return torch.cat(groups)

    def reduce(self, model: Model, values: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([values[linear].flatten() for linear in self.carriers(model)])

    def keep(self, model: Model, mask: Tensor) -> dict[str, Tensor]:
        weights = {f"{linear}.weight": model.weight(linear) for linear in self.carriers(model)}
        parts = torch.split(mask, [weight.numel() for weight in weights.values()])
        return {
            name: part.view(weight.shape)
            for (name, weight), part in zip(weights.items(), parts, strict=True)
            if not part.all()
        }


def _bins(weight: Tensor) -> Tensor:
    """int64 [weights of a matrix], on the CPU: which tenth of the absolute values each is in, 0 for the smallest."""
    order = weight.abs().flatten().argsort(stable=True).cpu()
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order))
    return ranks * BINS // len(order)
