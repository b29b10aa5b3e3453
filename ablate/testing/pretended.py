"""A pretended device: tensors on it compute as on the CPU, but refuse to meet tensors that are not on it.

A machine without a GPU can so find the code that would fail on one. Each tensor on the pretended device has a tag on
its storage, which views, gradients and results inherit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

from ablate.models.device import CPU
from ablate.models.model import Model

PRETENDED = torch.device("privateuseone", 0)
"""The name of the pretended device. torch knows the name, and no machine has such a device."""

_TAG = "_ablate_pretended"
_DRAWS = ("bernoulli", "native_dropout", "uniform_", "normal_", "rand", "multinomial", "exponential_")
_GETTERS = {torch.Tensor.device.__get__: PRETENDED, torch.Tensor.is_cpu.__get__: False}  # type: ignore[attr-defined]
_TO_NUMPY = (torch.Tensor.numpy, torch.Tensor.__array__)


class MixedDevices(AssertionError):
    """An operation that would fail on a GPU: its tensors are on two devices, or it draws there."""


def is_pretended(tensor: Tensor) -> bool:
    """Whether a tensor is on the pretended device."""
    return hasattr(tensor.untyped_storage(), _TAG)


def _tag(value: Any) -> Any:
    return tree_map_only(Tensor, _tagged, value)


def _tagged(tensor: Tensor) -> Tensor:
    setattr(tensor.untyped_storage(), _TAG, True)
    return tensor


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Checks every operation, those of backward passes included, and hands the tag on.

    draws: whether operations may draw random numbers on the device.
    """

    def __init__(self, draws: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.draws = draws
        self.moving = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        call: Callable[..., Any] = func
        result = call(*args, **(kwargs or {}))
        if self.moving:
            return result
        tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
        there = [is_pretended(tensor) for tensor in tensors]
        if not any(there):
            return result
        name = str(func)
        # A single number on the CPU may meet tensors of a GPU, and `copy_` is how tensors are moved.
        strangers = [t for t, pretended in zip(tensors, there, strict=True) if not pretended and t.dim() > 0]
        if strangers and func is not torch.ops.aten.copy_.default:
            shapes = ", ".join(str(list(tensor.shape)) for tensor in strangers)
            raise MixedDevices(f"{name}: a tensor on the CPU ({shapes}) meets one on the device")
        if not self.draws and name.removeprefix("aten.").startswith(_DRAWS):
            raise MixedDevices(f"{name}: draws on the device, so that results depend on it")
        # The target of `copy_` stays where it is. Everything else is where its inputs are.
        return result if func is torch.ops.aten.copy_.default else _tag(result)


class _Calls(TorchFunctionMode):
    """Answers what Python asks about devices, and moves tensors."""

    def __init__(self, operations: _Operations) -> None:
        super().__init__()
        self._operations = operations

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        call: Callable[..., Any] = func
        here = bool(args) and isinstance(args[0], Tensor) and is_pretended(args[0])
        if here and func in _GETTERS:
            return _GETTERS[func]
        if here and func in _TO_NUMPY:
            raise MixedDevices("a tensor on the device becomes an array; move it with .cpu() first")
        if func is torch.Tensor.backward:
            # torch turns this mode off for the call, and hooks that run in the backward pass need it.
            with self:
                return _backward(args[0])
        if func is torch.Tensor.cpu:
            return self._moved(call, args, kwargs, here, to=CPU)
        if func is torch.Tensor.to:
            target = next((_device(value) for value in (*args[1:], *kwargs.values()) if _device(value)), None)
            # `x.to(y)` takes the type of y, too.
            like = next((value for value in args[1:] if isinstance(value, Tensor)), None)
            if like is not None:
                kwargs["dtype"] = like.dtype
            arguments = tuple(_real(value) for value in args[1:])
            kwargs = {name: _real(value) for name, value in kwargs.items()}
            return self._moved(call, (args[0], *arguments), kwargs, here, to=target)
        if kwargs.get("device") is not None:
            target = torch.device(kwargs["device"])
            if target == PRETENDED and kwargs.get("generator") is not None:
                raise MixedDevices("a generator of the CPU cannot draw on the device")
            if target == PRETENDED and not self._operations.draws and func.__name__.startswith("rand"):
                raise MixedDevices(f"{func.__name__}: draws on the device, so that results depend on it")
            return self._moved(call, args, {**kwargs, "device": _real(target)}, here, to=target)
        return call(*args, **kwargs)

    def _moved(self, call: Callable[..., Any], args: Any, kwargs: Any, here: bool, *, to: torch.device | None) -> Any:
        """Calls something that gives a tensor on the device ``to``, by default on that of its first argument."""
        before, self._operations.moving = self._operations.moving, True
        try:
            result = call(*args, **kwargs)
            there = here if to is None else to == PRETENDED
            if isinstance(result, Tensor) and is_pretended(result) != there:
                # The call returned its argument itself, which is on the other device.
                result = result.clone() if args and result is args[0] else result
            return _tag(result) if there else result
        finally:
            self._operations.moving = before


def _backward(loss: Tensor) -> None:
    """``loss.backward()``, of a single number."""
    seeds = (torch.ones_like(loss),)
    # Not `torch.autograd.backward`, which would turn the mode off as well.
    engine: Any = torch.autograd.Variable._execution_engine
    engine.run_backward((loss,), seeds, False, False, (), allow_unreachable=True, accumulate_grad=True)


def _device(value: Any) -> torch.device | None:
    """The device that an argument of ``Tensor.to`` stands for."""
    if isinstance(value, Tensor):
        return PRETENDED if is_pretended(value) else value.device
    if isinstance(value, torch.device):
        return value
    return torch.device(value) if isinstance(value, str) else None


def _real(value: Any) -> Any:
    """An argument with the CPU in place of the pretended device, and with its device in place of a tensor."""
    device = _device(value)
    return value if device is None else CPU if device == PRETENDED else device


@contextmanager
def pretended_device(*, draws: bool = False) -> Iterator[torch.device]:
    """Makes the pretended device available inside the block, and checks every operation there.

    Args:
        draws: whether operations may draw random numbers on the device, as dropout in training does.

    Raises:
        MixedDevices: an operation would fail on a GPU.
    """
    operations = _Operations(draws)
    with operations, _Calls(operations):
        yield PRETENDED


@contextmanager
def on_pretended_device(model: Model) -> Iterator[None]:
    """Moves a model to the pretended device, and back at the end of the block."""
    with pretended_device() as device:
        model.network.to(device)
        try:
            yield
        finally:
            model.network.to("cpu")
