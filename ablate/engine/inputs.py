"""Records the inputs of the linear modules of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ablate.models.model import Model


@contextmanager
def recorded_inputs(model: Model, modules: Sequence[str]) -> Iterator[dict[str, list[Tensor]]]:
    """The inputs of ``modules`` since the last :func:`forget`, by name: [sentences, tokens, columns] of each call.

    A module that several layers share is called several times in a forward pass.
    """
    recorded: dict[str, list[Tensor]] = {name: [] for name in modules}

    def keep_as(name: str) -> Callable[[torch.nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, args: recorded[name].append(args[0])

    handles = []
    try:
        for name in modules:
            handles.append(model.backbone.get_submodule(name).register_forward_pre_hook(keep_as(name)))
        yield recorded
    finally:
        for handle in handles:
            handle.remove()


def forget(recorded: Mapping[str, list[Tensor]]) -> None:
    """Forgets what was recorded, before another forward pass.

    Not by a hook of the backbone: sentence-transformers calls its ``forward``, which runs none.
    """
    for calls in recorded.values():
        calls.clear()
