"""Materializes a mask: the heads and neurons that it removes are cut out, and the model runs faster."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import Tensor
from transformers import PreTrainedModel

from ablate.models.architectures import family_of
from ablate.models.masked import masked
from ablate.models.model import Layer, Model
from ablate.models.pruned import Numbers, cut_units

CLOSE = 1e-5
"""How far the embeddings of a smaller model may be from the masked model's, by :func:`largest_difference`."""


def largest_difference(expected: Tensor, actual: Tensor) -> float:
    """The largest difference between components of two embeddings [n, dim].

    It is relative to the largest component of ``expected`` if that component is above 1.
    """
    return float((expected - actual).abs().max()) / max(1.0, float(expected.abs().max()))


@contextmanager
def materialized(model: Model, keep: Mapping[str, Tensor]) -> Iterator[None]:
    """As :func:`~ablate.models.masked.masked`, but with smaller layers in place of the model's own.

    The original layers are put back afterwards, also after an error, so the model is the same bit for bit.

    Raises:
        ModelError: another thread has the model, under a mask or with other weights.
    """
    backbone = model.backbone
    assert isinstance(backbone, PreTrainedModel)
    # Masked before the layers are copied, because the mask may also remove single weights, which cannot be cut out.
    with masked(model, keep):
        layers = {layer.path: backbone.get_submodule(layer.path) for layer in model.architecture.layers}
        try:
            for path, module in layers.items():
                # A copy, because Torch-Pruning cuts modules in place.
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
    """For each layer, the heads and the neurons that a smaller model keeps.

    These are those that keep at least one of the weights that carry their output. A unit of zeros adds nothing, and
    stays where it cannot be cut out: a layer that loses all its heads, or all its neurons, keeps the first one, since
    no library runs attention without heads; heads that share a key and a value go together; and some families cut out
    no heads at all.
    """
    layers = model.architecture.layers
    if family_of(model.architecture.family, model.name).cuts_heads:
        groups = [
            _units(model, keep, layer.attention_output, layer.head_size * layer.heads // layer.groups)
            for layer in layers
        ]
        heads = [_heads(layer, kept) for layer, kept in zip(layers, groups, strict=True)]
    else:
        heads = [list(range(layer.heads)) for layer in layers]
    return heads, [_units(model, keep, layer.ffn_out, 1) for layer in layers]


def _heads(layer: Layer, groups: Sequence[int]) -> list[int]:
    """The heads of some key/value heads."""
    size = layer.heads // layer.groups
    return [group * size + i for group in groups for i in range(size)]


def _units(model: Model, keep: Mapping[str, Tensor], carrier: str, size: int) -> list[int]:
    """The numbers of the units, each of ``size`` input columns, of which ``keep`` keeps something."""
    columns = model.weight(carrier).shape[1]
    kept = keep.get(f"{carrier}.weight")
    units = range(columns // size) if kept is None else kept.any(0).view(-1, size).any(1).nonzero().flatten().tolist()
    return list(units) or [0]
