"""Where a model runs: which device a recipe means, and with which settings it computes there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ablate.errors import ModelError

CPU = torch.device("cpu")


class DeviceFull(ModelError):
    """The memory of a device is too small for the smallest piece of work."""


def resolve(asked: str) -> torch.device:
    """The device that a recipe means.

    ``auto`` is the first CUDA GPU, and the CPU if there is none. It is never ``mps``, on which nothing was measured.

    Args:
        asked: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        ModelError: the device is not there, or there are none of that name.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked == "auto":
        return torch.device("cuda", 0) if count else CPU
    if match := re.fullmatch(r"cuda(?::(\d+))?", asked):
        number = int(match[1] or 0)
        if number < count:
            return torch.device("cuda", number)
        raise ModelError(f"{asked}: {_gpus(count)}; use auto, or name a device that is there")
    if asked == "mps":
        if torch.backends.mps.is_available():
            return torch.device("mps")
        raise ModelError(f"{asked}: there is no Apple GPU that torch can use; use auto, or name a device that is there")
    if asked != "cpu":
        raise ModelError(f"'{asked}' is no device; use auto, cpu, cuda, cuda:N or mps")
    return CPU


def _gpus(count: int) -> str:
    names = ", ".join(f"cuda:{number}" for number in range(count))
    return {0: "there is no CUDA GPU that torch can use", 1: f"there is 1 GPU ({names})"}.get(
        count, f"there are {count} GPUs ({names})"
    )


def label(device: torch.device) -> str:
    """A device as records name it: ``cpu``, ``mps``, or ``cuda:0 (NVIDIA H100)``."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)


def wide(device: torch.device) -> torch.dtype:
    """The type for long sums: float64, or float32 on a device that has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the memory of a device is full."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "MPS backend out of memory" in str(error)
    )


@contextmanager
def full_means(text: str) -> Iterator[None]:
    """Says what to do if the memory of the device is full inside the block.

    Raises:
        DeviceFull: it is. The message is ``text``.
    """
    try:
        yield
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise DeviceFull(text) from None


@contextmanager
def exact_float32() -> Iterator[None]:
    """Computes float32 products in float32 inside the block, whatever the program has set.

    TF32 has 10 bits for the fraction, where float32 has 23. A user's program may have turned it on for its own work;
    that is restored afterwards. bf16 and fp16 are not affected.
    """
    settings = _settings()
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in settings]
    try:
        for owner, name, exact in settings:
            # Only what is on, because torch refuses to mix its two interfaces for these settings.
            if getattr(owner, name) not in ("none", exact):
                setattr(owner, name, exact)
        yield
    finally:
        for owner, name, value in before:
            if getattr(owner, name) != value:
                setattr(owner, name, value)


def _settings() -> list[tuple[Any, str, Any]]:
    """The owner and the name of each setting, and its value for exact products."""
    backends: Any = torch.backends
    if hasattr(backends.cuda.matmul, "fp32_precision"):
        owners = (backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul)
        return [(owner, "fp32_precision", "ieee") for owner in owners]
    # torch before 2.9
    return [(backends.cuda.matmul, "allow_tf32", False), (backends.cudnn, "allow_tf32", False)]
