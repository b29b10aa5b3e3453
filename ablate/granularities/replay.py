"""Exact removal of one group of units after another, with the layers below the changed one computed only once.

Removing a unit of layer l changes nothing below it, so the outputs of the layers before l are recorded and replayed.
For heads, which are columns of the attention output projection, the inputs of that projection are recorded too. The
rest is computed by the same modules from the same numbers, so embeddings equal those of the whole model bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ablate.granularities.base import ColumnGranularity, Granularity
from ablate.models.encode import Prepared, encode
from ablate.models.masked import masked
from ablate.models.model import Layer, Model


class _Replay(nn.Module):
    """Stands in for a module whose output is known."""

    output: Any = None

    def forward(self, *_: Any, **__: Any) -> Any:
        return self.output


class _Seen(Exception):
    """Ends a forward pass early, once the module of interest was reached."""


def removals(
    model: Model, prepared: Prepared, granularity: Granularity, groups: Sequence[Tensor]
) -> Generator[tuple[int, Tensor]]:
    """Embeddings without each group of units, one group at a time, under whatever mask is in force.

    Args:
        groups: unit numbers (int64 [any]) of each group, all in one layer.

    Yields:
        (group, float32 [sentences, dim] as :func:`ablate.models.encode.encode` gives them), layer by layer.

    Raises:
        ValueError: a group is empty, or has units of several layers.
    """
    layers = granularity.layers(model)
    by_layer: dict[int, list[int]] = {}
    for place, units in enumerate(groups):
        numbers = set(layers[units].tolist())
        if len(numbers) != 1:
            raise ValueError(f"group {place} has units of {len(numbers)} layers, not of one")
        by_layer.setdefault(numbers.pop(), []).append(place)
    below: list[Any] | None = None
    at = 0
    for number in sorted(by_layer):
        layer = model.architecture.layers[number]
        if number > at or (number and below is None):
            below = _outputs(model, prepared, at, number, below)
            at = number
        heads = isinstance(granularity, ColumnGranularity) and granularity.carrier(layer) == layer.attention_output
        keeps = [_keep(model, granularity, layers, groups[place]) for place in by_layer[number]]
        with ExitStack() as stack:
            replay = stack.enter_context(_layers_replayed(model, number, below))
            if heads:
                replay = stack.enter_context(_projection_replayed(model, prepared, layer, replay))
            for place, keep in zip(by_layer[number], keeps, strict=True):
                if heads:  # query, key and value of a head that is gone do nothing, and are not there to be masked
                    keep = {name: kept for name, kept in keep.items() if name.startswith(layer.attention_output)}
                with masked(model, keep):
                    yield place, encode(model, prepared, replay)


def _keep(model: Model, granularity: Granularity, layers: Tensor, units: Tensor) -> dict[str, Tensor]:
    mask = torch.ones(len(layers), dtype=torch.bool)
    mask[units] = False
    return granularity.keep(model, mask)


Replay = Callable[[int], None]
"""Prepares what is replayed for the batch of that number, which comes next."""


@contextmanager
def _layers_replayed(model: Model, number: int, below: list[Any] | None) -> Iterator[Replay]:
    """The layers before ``number`` give ``below``, the outputs of the last of them for each batch."""
    stand_in = _Replay()

    def replay(batch: int) -> None:
        if below is not None:
            stand_in.output = below[batch]

    with _replaced(model, [layer.path for layer in model.architecture.layers[:number]], stand_in):
        yield replay


@contextmanager
def _projection_replayed(model: Model, prepared: Prepared, layer: Layer, replay: Replay) -> Iterator[Replay]:
    """The attention output projection of ``layer`` gets the inputs that it has now, and no attention is computed."""
    projection = model.backbone.get_submodule(layer.attention_output)
    inputs: list[Tensor] = []

    def note(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        inputs.append(args[0])
        raise _Seen

    _run(model, prepared, replay, projection.register_forward_pre_hook(note))
    stand_in = _Replay()

    def both(batch: int) -> None:
        replay(batch)
        stand_in.output = inputs[batch]

    # Attention is still taken of what stands in for query, key and value, but the matrix products, its cost, are not.
    handle = projection.register_forward_pre_hook(lambda _, __: (stand_in.output,))
    try:
        with _replaced(model, [layer.query, layer.key, layer.value], stand_in):
            yield both
    finally:
        handle.remove()


def _outputs(model: Model, prepared: Prepared, start: int, stop: int, below: list[Any] | None) -> list[Any]:
    """What layer ``stop - 1`` gives for each batch, with those before ``start`` replayed."""
    outputs: list[Any] = []

    def note(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        outputs.append(output)
        raise _Seen

    last = model.backbone.get_submodule(model.architecture.layers[stop - 1].path)
    with _layers_replayed(model, start, below) as replay:
        _run(model, prepared, replay, last.register_forward_hook(note))
    return outputs


def _run(model: Model, prepared: Prepared, replay: Replay, handle: RemovableHandle) -> None:
    """A forward pass of each batch up to the module whose hook ends it."""
    try:
        with torch.inference_mode():
            for number, batch in enumerate(prepared.batches):
                replay(number)
                with suppress(_Seen):
                    model.embed(batch.features)
    finally:
        handle.remove()


@contextmanager
def _replaced(model: Model, names: Sequence[str], stand_in: nn.Module) -> Iterator[None]:
    with model.guard.hold():
        originals = {name: model.backbone.get_submodule(name) for name in names}
        try:
            for name in originals:
                model.backbone.set_submodule(name, stand_in)
            yield
        finally:
            for name, original in originals.items():
                model.backbone.set_submodule(name, original)
