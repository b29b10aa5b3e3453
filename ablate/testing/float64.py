"""Runs a model in float64, for differences that float32 would round away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


@contextmanager
def in_float64(backbone: nn.Module) -> Iterator[None]:
    """Inside the block the backbone is float64, also in steps for which its code asks for float32."""
    backbone.double()
    try:
        with _Wider():
            yield
    finally:
        backbone.float()


class _Wider(TorchFunctionMode):
    def __torch_function__(
        self, function: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function is Tensor.float:
            function = Tensor.double
        wider = [torch.float64 if arg is torch.float32 else arg for arg in args]
        return function(
            *wider, **{key: torch.float64 if v is torch.float32 else v for key, v in (kwargs or {}).items()}
        )
