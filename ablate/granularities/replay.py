"""Removes one group of units after another, and computes the layers below the changed one only once.

What the units of a :class:`~ablate.granularities.base.ColumnGranularity` leave unchanged in their own layer is not
computed again either; see :mod:`ablate.granularities.columns`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing

import torch
from torch import Tensor

from ablate.granularities.base import ColumnGranularity, Granularity
from ablate.granularities.columns import without_columns
from ablate.models.device import out_of_memory
from ablate.models.encode import Prepared, encode, smaller_batches
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.models.replay import Outputs, layers_replayed, recorded, run_until_stopped, stop


def removals(
    model: Model, prepared: Prepared, granularity: Granularity, groups: Sequence[Tensor]
) -> Generator[tuple[int, Tensor]]:
    """Embeddings without each group of units, one group at a time, under whatever mask is in force.

    If the memory of the device is full, the batches of ``prepared`` are halved, and the groups that are left begin
    again, down to one sentence.

    Args:
        groups: unit numbers (int64 [any], on the CPU) of each group, all in one layer.

    Yields:
        (group, float32 [sentences, dim] as :func:`ablate.models.encode.encode` gives them), layer by layer.

    Raises:
        DeviceFull: the memory of the device is too small for one sentence.
        ValueError: a group is empty, or has units of several layers.
    """
    layers = granularity.layers(model)
    by_layer: dict[int, list[int]] = {}
    for index, units in enumerate(groups):
        numbers = set(layers[units].tolist())
        if len(numbers) != 1:
            raise ValueError(f"group {index} has units of {len(numbers)} layers, not of one")
        by_layer.setdefault(numbers.pop(), []).append(index)
    while by_layer:
        try:
            for number, index, embeddings in _removed(model, prepared, granularity, groups, by_layer):
                # Before it is handed on, so that it is not done again if a later group fails.
                by_layer[number].remove(index)
                yield index, embeddings
            return
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            smaller_batches(model, prepared, error)
            by_layer = {number: left for number, left in by_layer.items() if left}


def encodings(groups: int, layers: int) -> float:
    """How many times as long as one encoding :func:`removals` takes, with the dense model's encoding before it.

    The removal from a layer runs this layer and those above: half of the layers on average, and the layer itself.

    Args:
        groups: spread evenly over the layers.
    """
    return 1 + groups * (layers + 1) / (2 * layers)


CHUNK = 16
"""The most groups that are removed in one chunk of work: so many that the layers below cost little beside them."""


def divided(layers: Sequence[int], divides: bool) -> list[list[int]]:
    """The numbers of groups in chunks of work, of which each has groups of one layer.

    Args:
        layers: the layer of each group.
        divides: whether chunks are worked on at the same time. If not, all groups are one chunk.
    """
    if not divides:
        return [list(range(len(layers)))]
    by_layer: dict[int, list[int]] = {}
    for number, layer in enumerate(layers):
        by_layer.setdefault(layer, []).append(number)
    return [of[start : start + CHUNK] for of in by_layer.values() for start in range(0, len(of), CHUNK)]


def _removed(
    model: Model,
    prepared: Prepared,
    granularity: Granularity,
    groups: Sequence[Tensor],
    by_layer: Mapping[int, Sequence[int]],
) -> Generator[tuple[int, int, Tensor]]:
    """The layer, the number and the embeddings of each group. by_layer: the numbers of the groups of each layer."""
    layers = granularity.layers(model)
    below: Outputs | None = None
    known = 0
    for number in sorted(by_layer):
        if number > known and model.replays:
            below = _outputs(model, prepared, known, number, below)
            known = number
        indices = list(by_layer[number])
        # Before modules are replaced, since `keep` looks at the weights of all layers.
        keeps = [_keep(model, granularity, layers, groups[index]) for index in indices]
        layer = model.architecture.layers[number]
        carrier = granularity.carrier(layer) if isinstance(granularity, ColumnGranularity) else None
        if model.replays and model.architecture.apart and carrier in (layer.attention_output, layer.ffn_out):
            columns = torch.stack([keep[f"{carrier}.weight"].all(0) for keep in keeps])
            without = without_columns(model, prepared, number, below, carrier, columns)
        else:
            without = _without(model, prepared, known, below, keeps)
        with closing(without):
            for index, embeddings in zip(indices, without, strict=True):
                yield number, index, embeddings


def _without(
    model: Model, prepared: Prepared, number: int, below: Outputs | None, keeps: Sequence[Mapping[str, Tensor]]
) -> Generator[Tensor]:
    """The embeddings under each mask, none of which changes one of the lowest ``number`` layers."""
    with layers_replayed(model, number, below) as replay:
        for keep in keeps:
            with masked(model, keep):
                yield encode(model, prepared, replay)


def _keep(model: Model, granularity: Granularity, layers: Tensor, units: Tensor) -> dict[str, Tensor]:
    mask = torch.ones(len(layers), dtype=torch.bool)
    mask[units] = False
    return granularity.keep(model, mask)


def _outputs(model: Model, prepared: Prepared, start: int, end: int, below: Outputs | None) -> Outputs:
    """The output of layer ``end - 1`` for each batch, with the layers before ``start`` replayed."""
    last = model.backbone.get_submodule(model.architecture.layers[end - 1].path)
    with layers_replayed(model, start, below) as replay, recorded(model, end - 1) as outputs:
        run_until_stopped(model, prepared, last.register_forward_hook(stop), replay)
    return outputs
