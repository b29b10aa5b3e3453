"""Records the inputs of the linear modules of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ablate.models.model import Model


@contextmanager
def recorded_inputs(model: Model, modules: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """The inputs of ``modules`` in the latest forward pass, by name: [sentences, tokens, columns]."""
    latest: dict[str, Tensor] = {}

    def keep_as(name: str) -> Callable[[torch.nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, args: latest.update({name: args[0]})

    handles = []
    try:
        for name in modules:
            handles.append(model.backbone.get_submodule(name).register_forward_pre_hook(keep_as(name)))
            # Sets the order of the names to that of ``modules``, whatever the order in which the model runs them.
            latest[name] = torch.empty(0)
        yield latest
    finally:
        for handle in handles:
            handle.remove()
