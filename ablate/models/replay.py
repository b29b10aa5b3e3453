"""Computes lower layers once: the output of a layer is recorded for each batch, and replayed in later passes.

Changing a layer changes nothing below it. The same modules compute the rest from the same numbers, so the embeddings
equal those of the whole model bit for bit. A model whose embedding depends on the outputs of lower layers themselves
(``Model.reads_layers``) runs them each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ablate.models.encode import Prepared
from ablate.models.model import Model
from ablate.models.products import inference

Outputs = list[Any]
"""What a layer has returned for each batch of some prepared sentences."""

Replay = Callable[[int], None]
"""Called with the number of the next batch: sets what the stand-ins replay for it."""


class StandIn(nn.Module):
    """Stands in for a module whose output is known."""

    output: Any = None

    def __init__(self) -> None:
        super().__init__()
        self._originals: list[nn.Module] = []  # in a list, so that it is not a part of this module

    def stand_in_for(self, original: nn.Module) -> None:
        """Gives it the attributes of a module. A model may look at a setting of a layer, such as its attention."""
        self._originals[:] = [original]

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if not self._originals:
                raise
            return getattr(self._originals[0], name)

    def forward(self, *_: Any, **__: Any) -> Any:
        return self.output


@contextmanager
def layers_replayed(model: Model, count: int, outputs: Outputs | None, copies: int = 1) -> Iterator[Replay]:
    """Replaces the lowest ``count`` layers for the duration of a block.

    Args:
        outputs: of the highest one of them; None if ``count`` is 0.
        copies: how many times each batch has its sentences, one copy after another.
    """
    assert not count or model.replays, "no layer is below another, or what stands in for it would be read"
    stand_ins = {layer.path: StandIn() for layer in model.architecture.layers[:count]}

    def replay(batch: int) -> None:
        output = None if outputs is None else repeated(outputs[batch], copies)
        for stand_in in stand_ins.values():
            stand_in.output = output

    with replaced(model, stand_ins):
        yield replay


def repeated(output: Any, copies: int) -> Any:
    """What a module returns for several copies of a batch."""
    if isinstance(output, tuple):
        return tuple(repeated(part, copies) for part in output)
    if not isinstance(output, Tensor) or copies == 1:
        return output
    return output.repeat(copies, *[1] * (output.dim() - 1))


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


class _Stop(Exception):
    """Ends a forward pass that has gone as far as it needs to."""


def stop(*_: Any) -> None:
    """A hook that ends the forward pass, inside :func:`run_until_stopped`."""
    raise _Stop


def run_until_stopped(model: Model, prepared: Prepared, handle: RemovableHandle, replay: Replay) -> None:
    """Runs a forward pass of each batch up to the module whose hook ends it.

    Args:
        handle: of the hook that ends it, which is removed at the end.
    """
    try:
        with inference(model.device):
            for number, batch in enumerate(prepared.batches):
                replay(number)
                with suppress(_Stop):
                    model.embed(batch.features)
    finally:
        handle.remove()


@contextmanager
def replaced(model: Model, stand_ins: Mapping[str, StandIn]) -> Iterator[None]:
    """Puts stand-ins in the places of some modules of the backbone, by their names, for the duration of a block."""
    with model.guard.hold():
        originals = {name: model.backbone.get_submodule(name) for name in stand_ins}
        try:
            for name, stand_in in stand_ins.items():
                stand_in.stand_in_for(originals[name])
                model.backbone.set_submodule(name, stand_in)
            yield
        finally:
            for name, original in originals.items():
                model.backbone.set_submodule(name, original)
