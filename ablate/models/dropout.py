"""Dropout whose masks do not depend on the device: they are drawn on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from ablate.models.model import Model


@contextmanager
def dropout(model: Model, seed: int) -> Iterator[None]:
    """Turns the backbone's dropout on, with masks from a seed that are the same on every device.

    At the end of the block, the global random state and the mode of each module are as before.
    """
    training = {module: module.training for module in model.backbone.modules()}
    with ExitStack() as stack:
        # The fork keeps dropout from changing the random state of the caller. Only the CPU's is used.
        stack.enter_context(torch.random.fork_rng(devices=[]))
        torch.default_generator.manual_seed(seed)
        if model.device.type != "cpu":
            stack.enter_context(DrawnOnCpu())  # type: ignore[no-untyped-call]
            # Fused attention draws inside its kernel, where nothing can take the place of the draws.
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        try:
            model.backbone.train()
            yield
        finally:
            for module, mode in training.items():
                module.training = mode


def has_dropout(model: Model) -> bool:
    """Whether two passes of one sentence with dropout give different embeddings."""
    features = model.pad(model.tokenize(["A sentence, which is embedded twice."]))
    with torch.no_grad():
        found = []
        for seed in range(2):
            with dropout(model, seed):
                found.append(model.embed(features))
    return not torch.equal(*found)


class DrawnOnCpu(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Inside the block, the masks of dropout are drawn from the CPU's generator, and then moved to the device.

    The draws, their order and the arithmetic are those of dropout on the CPU, so a mask is the same as there.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten.bernoulli_.float:
            return _bernoulli(*args, **kwargs)
        if func is torch.ops.aten.native_dropout.default:
            return _native_dropout(*args, **kwargs)
        call: Callable[..., Any] = func
        return call(*args, **kwargs)


def _bernoulli(tensor: Tensor, p: float = 0.5, *, generator: torch.Generator | None = None) -> Tensor:
    return tensor.copy_(_drawn(tensor, p, generator))


def _native_dropout(values: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """What a GPU runs in place of ``bernoulli_`` and a product: the output, and the mask for the backward pass."""
    if train is False or p == 0:
        kept = torch.ones_like(values, dtype=torch.bool)
        return values.clone(), kept
    drawn = _drawn(values, 1 - p, None)
    scaled = (drawn / (1 - p) if p < 1 else drawn).to(values.device)
    return values * scaled, scaled != 0


def _drawn(like: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    """Zeros and ones on the CPU, with the strides of ``like``, since the draws are made in the order of the memory."""
    drawn = torch.empty_strided(like.shape, like.stride(), dtype=like.dtype)
    return drawn.bernoulli_(p, generator=generator)
