"""Single weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import torch
from pydantic import Field, field_validator
from torch import Tensor

from ablate.errors import ModelError
from ablate.granularities.base import Granularity
from ablate.models.model import Layer, Model

Part = Literal["query", "key", "value", "attention_output", "ffn_in", "ffn_out"]

ALL: tuple[Part, ...] = get_args(Part)

BINS = 10
"""Groups of the weights of a matrix by their absolute value."""


class Unstructured(Granularity):
    """A single weight of an encoder linear layer: query, key, value, attention output, both FFN matrices.

    Embeddings, layer norms, biases and poolers are not units. The units are the denominator of the sparsity.

    parts: of which of these matrices; in a gated FFN, ``ffn_in`` are both that it has. Where one module holds several,
        such as query, key and value, they go together.
    """

    name: ClassVar[str] = "unstructured"
    help: ClassVar[str] = "single weights of the encoder's linear layers"

    matching: ClassVar[str] = "layer, matrix and decile of magnitude"

    min_keep: int = Field(default=0, ge=0, description="units that every layer keeps")
    parts: tuple[Part, ...] = Field(ALL, min_length=1, description="of which matrices of a layer")

    @field_validator("parts")
    @classmethod
    def _in_order(cls, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(part for part in ALL if part in parts)

    def carriers(self, model: Model) -> tuple[str, ...]:
        return tuple(linear for layer in model.architecture.layers for linear in self._linears(layer))

    def layers(self, model: Model) -> Tensor:
        counts = [sum(model.weight(m).numel() for m in self._linears(layer)) for layer in model.architecture.layers]
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

    def identity(self) -> dict[str, Any]:
        identity = super().identity()
        # Of some parts alone, so that the keys of all others are those that they had before.
        if self.parts == ALL:
            identity["parameters"].pop("parts")
        return identity

    def _linears(self, layer: Layer) -> tuple[str, ...]:
        """The modules of a layer whose weights are units.

        Raises:
            ModelError: a module holds some of :attr:`parts`, and others.
        """
        if self.parts == ALL:
            return layer.linears
        modules = _modules(layer)
        holds = {name: {part for part, names in modules.items() if name in names} for name in layer.linears}
        chosen = tuple(name for name in layer.linears if holds[name].intersection(self.parts))
        for name in chosen:
            if lacking := [part for part in ALL if part in holds[name].difference(self.parts)]:
                together = ", ".join(part for part in ALL if part in holds[name])
                raise ModelError(f"'{name}' holds {together} in one module; add {' and '.join(lacking)} to parts")
        return chosen


def _modules(layer: Layer) -> dict[Part, tuple[str, ...]]:
    """The modules that hold each part of a layer."""
    query = tuple(rows.name for rows in layer.query)
    # Where only the biases of keys or values are apart, their weights are in the module of the queries.
    key, value = ((rows.name,) if rows.name in layer.linears else query for rows in layer.key_value)
    return {
        "query": query,
        "key": key,
        "value": value,
        "attention_output": (layer.attention_output,),
        "ffn_in": tuple(rows.name for rows in layer.ffn_in),
        "ffn_out": (layer.ffn_out,),
    }


def _bins(weight: Tensor) -> Tensor:
    """int64 [weights of a matrix], on the CPU: which tenth of the absolute values each is in, 0 for the smallest."""
    order = weight.abs().flatten().argsort(stable=True).cpu()
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order))
    return ranks * BINS // len(order)
