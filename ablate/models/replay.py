"""Computes lower layers once: the output of a layer is recorded for each batch, and replayed in later passes.

Changing a layer changes nothing below it. The same modules compute the rest from the same numbers, so the embeddings
equal those of the whole model bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn

from ablate.models.model import Model

Outputs = list[Any]
"""What a layer has returned for each batch of some prepared sentences."""

Replay = Callable[[int], None]
"""Called with the number of the next batch: sets what the stand-ins replay for it."""


class StandIn(nn.Module):
    """Stands in for a module whose output is known."""

    output: Any = None

    def forward(self, *_: Any, **__: Any) -> Any:
        return self.output


@contextmanager
def layers_replayed(model: Model, count: int, outputs: Outputs | None) -> Iterator[Replay]:
    """Replaces the lowest ``count`` layers for the duration of a block.

    Args:
        outputs: of the highest one of them; None if ``count`` is 0.
    """
    stand_in = StandIn()

    def replay(batch: int) -> None:
        if outputs is not None:
            stand_in.output = outputs[batch]

    with replaced(model, [layer.path for layer in model.architecture.layers[:count]], stand_in):
        yield replay


@contextmanager
def recorded(model: Model, layer: int) -> Iterator[Outputs]:
    """Records what a layer returns for each batch that runs inside the block."""
    outputs: Outputs = []

    def record(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        outputs.append(output)

    handle = model.backbone.get_submodule(model.architecture.layers[layer].path).register_forward_hook(record)
    try:
        yield outputs
    finally:
        handle.remove()


@contextmanager
def replaced(model: Model, names: Sequence[str], stand_in: nn.Module) -> Iterator[None]:
    """Puts a stand-in in the place of some modules of the backbone for the duration of a block."""
    with model.guard.hold():
        originals = {name: model.backbone.get_submodule(name) for name in names}
        try:
            for name in originals:
                model.backbone.set_submodule(name, stand_in)
            yield
        finally:
            for name, original in originals.items():
                model.backbone.set_submodule(name, original)
