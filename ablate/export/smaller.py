"""The model that a mask leaves: heads and neurons physically gone, single weights as zeros."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from torch import Tensor
from transformers import PreTrainedModel

from ablate.experiment.mask import masked
from ablate.models.model import Model
from ablate.models.pruned import Numbers, pruned_from


def smaller(model: Model, keep: Mapping[str, Tensor]) -> PreTrainedModel:
    """A copy of the backbone without the heads and neurons whose whole output ``keep`` removes.

    Args:
        keep: parameter name -> bool tensor of its shape, True = keep; what else it removes is zero in the copy.
    """
    assert isinstance(model.backbone, PreTrainedModel)
    with masked(model, keep):
        zeroed = copy.deepcopy(model.backbone)
    kept = left(model, keep)
    return zeroed if kept == left(model, {}) else pruned_from(zeroed, *kept)


def left(model: Model, keep: Mapping[str, Tensor]) -> tuple[Numbers, Numbers]:
    """The heads and the neurons of each layer of whose output something is kept.

    A layer that loses all its heads, or all its neurons, keeps the first, with zeros for weights: no library runs an
    attention without heads, and the sum is the same.
    """
    layers = model.architecture.layers
    heads = [_units(model, keep, layer.attention_output, layer.head_size) for layer in layers]
    return heads, [_units(model, keep, layer.ffn_out, 1) for layer in layers]


def _units(model: Model, keep: Mapping[str, Tensor], carrier: str, size: int) -> list[int]:
    """The units, of ``size`` input columns each, of which ``keep`` has something."""
    columns = model.weight(carrier).shape[1]
    kept = keep.get(f"{carrier}.weight")
    units = range(columns // size) if kept is None else kept.any(0).view(-1, size).any(1).nonzero().flatten().tolist()
    return list(units) or [0]
