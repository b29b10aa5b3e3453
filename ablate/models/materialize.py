"""A mask made real: the heads and neurons that it removes are physically gone, and the model runs faster."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor
from transformers import PreTrainedModel

from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.models.pruned import Numbers, cut_units

CLOSE = 1e-5
"""How far the embeddings of a smaller model may be from the masked model's, by :func:`largest_difference`."""


def largest_difference(expected: Tensor, actual: Tensor) -> float:
    """The largest difference of a component of embeddings [n, dim].

    It is relative to the largest component of ``expected`` if that is above 1.
    """
    return float((expected - actual).abs().max()) / max(1.0, float(expected.abs().max()))


@contextmanager
def materialized(model: Model, keep: Mapping[str, Tensor]) -> Iterator[None]:
    """Like :func:`~ablate.models.masked.masked`, but with smaller layers in place of the model's own.

    The layers themselves are back afterwards, also after an error, so the model is the same bit for bit.

    Raises:
        ModelError: another thread has the model, under a mask or with other weights.
    """
    backbone = model.backbone
    assert isinstance(backbone, PreTrainedModel)
    with masked(model, keep):
        layers = {layer.path: backbone.get_submodule(layer.path) for layer in model.architecture.layers}
        try:
            for path, module in layers.items():
                backbone.set_submodule(path, copy.deepcopy(module))
            cut_units(backbone, *remaining_units(model, keep))
            yield
        finally:
            for path, module in layers.items():
                backbone.set_submodule(path, module)


def loses_units(model: Model, keep: Mapping[str, Tensor]) -> bool:
    """Whether ``keep`` removes a whole head or neuron."""
    return remaining_units(model, keep) != remaining_units(model, {})


def remaining_units(model: Model, keep: Mapping[str, Tensor]) -> tuple[Numbers, Numbers]:
    """The heads and the neurons of each layer that keep some of the weights that carry their output.

    A layer that loses all its heads, or all its neurons, keeps the first one, whose weights are zero then. No library
    runs attention without heads, and a unit of zeros adds nothing.
    """
    layers = model.architecture.layers
    heads = [_units(model, keep, layer.attention_output, layer.head_size) for layer in layers]
    return heads, [_units(model, keep, layer.ffn_out, 1) for layer in layers]


def _units(model: Model, keep: Mapping[str, Tensor], carrier: str, size: int) -> list[int]:
    """The numbers of the units, of ``size`` input columns each, of which ``keep`` keeps something."""
    columns = model.weight(carrier).shape[1]
    kept = keep.get(f"{carrier}.weight")
    units = range(columns // size) if kept is None else kept.any(0).view(-1, size).any(1).nonzero().flatten().tolist()
    return list(units) or [0]
