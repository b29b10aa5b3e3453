"""Runs a model without gradients, and multiplies matrices on the CPU with the faster of the libraries that torch has.

torch takes MKL for float32 products on the CPU. On AMD's processors, MKL does not use all that they have, and oneDNN,
which comes with torch as well, can be twice as fast. Which one is faster here is measured once in each process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

from ablate.models.device import exact_float32

MARGIN = 1.3
"""oneDNN is taken if it is so many times as fast. Where both are alike, chance must not decide, since they round
differently."""

_TOKENS, _WIDTH, _NEURONS = 1024, 384, 1536
"""The shape that is measured: a small batch in a feed-forward layer of MiniLM. One product takes some milliseconds."""

_ROUNDS = 7


@contextmanager
def inference(device: torch.device) -> Iterator[None]:
    """Inside the block no gradients are recorded, and float32 products are exact and by the faster library.

    Args:
        device: that of the model which runs inside.
    """
    with torch.inference_mode(), exact_float32(), _faster(device):
        yield


@contextmanager
def gradients_of_values(device: torch.device) -> Iterator[None]:
    """Inside the block gradients are recorded, and float32 products are exact and by the faster library.

    Products with weights that need a gradient are torch's. So this is for gradients of what flows through a model
    whose weights stay as they are, such as gates.

    Args:
        device: that of the model which runs inside.
    """
    with torch.enable_grad(), exact_float32(), _faster(device):
        yield


def _faster(device: torch.device) -> AbstractContextManager[object]:
    """A block in which products are by oneDNN, if that is the faster library on the device."""
    return _ByOneDnn() if device.type == "cpu" and one_dnn_times() >= MARGIN else nullcontext()


@cache
def one_dnn_times() -> float:
    """How many times as fast as ``torch.nn.functional.linear`` oneDNN is here; 0 if this torch does not have it."""
    with torch.inference_mode(), exact_float32():
        generator = torch.Generator().manual_seed(0)
        given, weight, bias = (
            torch.randn(shape, generator=generator) for shape in ((_TOKENS, _WIDTH), (_NEURONS, _WIDTH), (_NEURONS,))
        )
        try:
            difference = (one_dnn(given, weight, bias) - linear(given, weight, bias)).abs().max()
        except (AttributeError, RuntimeError):  # torch's builds differ in what they have
            return 0.0
        # Sums of 384 products of normal numbers, whose rounding is far below this.
        if not difference < 1e-3:
            return 0.0
        ours, plain = [], []
        for _ in range(_ROUNDS):
            plain.append(_seconds(linear, given, weight, bias))
            ours.append(_seconds(one_dnn, given, weight, bias))
        # The shortest, since other programs only make a product slower.
        return min(plain) / min(ours)


def one_dnn(given: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``torch.nn.functional.linear`` by oneDNN, for float32 tensors on the CPU."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(given, weight, bias, "none", [], "")
    return product


def counted_operations() -> dict[Any, Callable[..., int]]:
    """How torch's counter of operations counts :func:`one_dnn`, an operator that it does not know."""
    return {torch.ops.mkldnn._linear_pointwise: _operations} if one_dnn_times() else {}


def _operations(given: Sequence[int], weight: Sequence[int], *_: object, **__: object) -> int:
    return 2 * prod(given) * weight[0]


def _seconds(product: Callable[[Tensor, Tensor, Tensor], Tensor], *given: Tensor) -> float:
    start = time.perf_counter()
    product(*given)
    return time.perf_counter() - start


class _ByOneDnn(TorchFunctionMode):
    """Computes linear layers by oneDNN. Everything else stays as it is."""

    def __torch_function__(
        self, function: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function is linear and len(args) == 3 and not kwargs and all(map(_fits, args)):
            if not torch.is_grad_enabled():
                return one_dnn(*args)
            if not (args[1].requires_grad or (args[2] is not None and args[2].requires_grad)):
                return _Product.apply(*args)  # type: ignore[no-untyped-call]
        return function(*args, **(kwargs or {}))


class _Product(torch.autograd.Function):
    """:func:`one_dnn`, for weights that need no gradient."""

    @staticmethod
    def forward(context: Any, given: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        context.weight = weight
        return one_dnn(given, weight, bias)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return one_dnn(gradients[0], context.weight.T, None), None, None


def _fits(tensor: Tensor | None) -> bool:
    return tensor is None or (tensor.dtype == torch.float32 and tensor.device.type == "cpu" and tensor.numel() > 0)
