"""Removes one group of units after another, and computes the layers below the changed one only once.

Heads are columns of the attention output projection, so for heads the inputs of that projection are recorded too.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ablate.granularities.base import ColumnGranularity, Granularity
from ablate.models.device import exact_float32, out_of_memory
from ablate.models.encode import Prepared, encode, smaller_batches
from ablate.models.masked import masked
from ablate.models.model import Layer, Model
from ablate.models.replay import Outputs, Replay, StandIn, layers_replayed, recorded, replaced


class _Reached(Exception):
    """Ends a forward pass when it has reached the module of interest."""


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
    recorded = 0
    for number in sorted(by_layer):
        layer = model.architecture.layers[number]
        if number > recorded:
            below = _outputs(model, prepared, recorded, number, below)
            recorded = number
        heads = isinstance(granularity, ColumnGranularity) and granularity.carrier(layer) == layer.attention_output
        indices = list(by_layer[number])
        # Before modules are replaced, since `keep` looks at the weights of all layers.
        keeps = [_keep(model, granularity, layers, groups[index]) for index in indices]
        with ExitStack() as stack:
            replay = stack.enter_context(layers_replayed(model, number, below))
            if heads:
                replay = stack.enter_context(_projection_replayed(model, prepared, layer, replay))
            for index, keep in zip(indices, keeps, strict=True):
                if heads:
                    # The stand-ins for query, key and value have no weights to mask, and a removed head needs none.
                    keep = {name: kept for name, kept in keep.items() if name.startswith(layer.attention_output)}
                with masked(model, keep):
                    yield number, index, encode(model, prepared, replay)


def _keep(model: Model, granularity: Granularity, layers: Tensor, units: Tensor) -> dict[str, Tensor]:
    mask = torch.ones(len(layers), dtype=torch.bool)
    mask[units] = False
    return granularity.keep(model, mask)


@contextmanager
def _projection_replayed(model: Model, prepared: Prepared, layer: Layer, replay: Replay) -> Iterator[Replay]:
    """The attention output projection of ``layer`` gets the inputs that it has now, without query, key and value."""
    projection = model.backbone.get_submodule(layer.attention_output)
    inputs: list[Tensor] = []

    def record(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        inputs.append(args[0])
        raise _Reached

    _run(model, prepared, replay, projection.register_forward_pre_hook(record))
    stand_in = StandIn()

    def replay_both(batch: int) -> None:
        replay(batch)
        stand_in.output = inputs[batch]

    # Attention itself still runs, on the outputs of the stand-ins, and its result is discarded here. The saving is in
    # the matrix products of query, key and value.
    handle = projection.register_forward_pre_hook(lambda _, __: (stand_in.output,))
    try:
        with replaced(model, [layer.query, layer.key, layer.value], stand_in):
            yield replay_both
    finally:
        handle.remove()


def _outputs(model: Model, prepared: Prepared, start: int, stop: int, below: Outputs | None) -> Outputs:
    """The output of layer ``stop - 1`` for each batch, with the layers before ``start`` replayed."""
    last = model.backbone.get_submodule(model.architecture.layers[stop - 1].path)
    with layers_replayed(model, start, below) as replay, recorded(model, stop - 1) as outputs:
        _run(model, prepared, replay, last.register_forward_hook(_stop))
    return outputs


def _stop(*_: Any) -> None:
    raise _Reached


def _run(model: Model, prepared: Prepared, replay: Replay, handle: RemovableHandle) -> None:
    """Runs a forward pass of each batch up to the module whose hook ends it, and removes the hook."""
    try:
        with torch.inference_mode(), exact_float32():
            for number, batch in enumerate(prepared.batches):
                replay(number)
                with suppress(_Reached):
                    model.embed(batch.features)
    finally:
        handle.remove()
