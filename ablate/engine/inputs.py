"""Records the inputs of the linear modules of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ablate.models.model import Model


@contextmanager
def recorded_inputs(model: Model, modules: Sequence[str]) -> Iterator[dict[str, list[Tensor]]]:
    """The inputs of ``modules`` in the latest forward pass, by name: [sentences, tokens, columns] of each call.

    A module that several layers share is called several times.
    """
    latest: dict[str, list[Tensor]] = {name: [] for name in modules}

    def clear(*_: object) -> None:
        for calls in latest.values():
            calls.clear()

    def keep_as(name: str) -> Callable[[torch.nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, args: latest[name].append(args[0])

    handles = [model.backbone.register_forward_pre_hook(clear)]
    try:
        for name in modules:
            handles.append(model.backbone.get_submodule(name).register_forward_pre_hook(keep_as(name)))
        yield latest
    finally:
        for handle in handles:
            handle.remove()
