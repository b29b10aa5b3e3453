"""How much memory may be used: how many tokens a batch may have, and how much may be recorded."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import psutil
import torch
from torch import nn

from ablate.models.model import Model
from ablate.models.products import inference

ON_CPU = 2048
"""Measured on STS-B dev: MiniLM takes the same CPU time with 512, 1024 and 2048 tokens (within 2 %), more with 8192."""

MOST = 65_536
"""Beyond this many tokens, a GPU is busy anyway, and larger batches only have more padding. Not measured."""

OTHER = 16_384
"""The budget of a device that does not say how much memory is free. Not measured."""

SHARE = 0.5
"""The share of the free memory that a batch may take. The rest is for what is recorded, and for other programs."""

RECORDED_SHARE = 0.125
"""The share of the free memory that recorded outputs of layers may take. Several processes may share the memory."""

RECORDED_MOST = 2**30
"""The most bytes that they may take. MiniLM's output of a layer on the seven STS test sets takes half of it."""

_PROBED = 2048
"""The tokens that are encoded to measure the memory of one."""

_PER_TOKEN: WeakKeyDictionary[nn.Module, float] = WeakKeyDictionary()
"""The bytes that a token takes, of each model for which they were measured."""


def token_budget(model: Model) -> int:
    """The most tokens in a batch, padding included.

    On a GPU, it is :data:`SHARE` of the free memory divided by what a token takes, which is measured on the model
    itself, and so follows its width and its depth. It is at least :data:`ON_CPU` and at most :data:`MOST`.
    """
    device = model.device
    if device.type == "cpu":
        return ON_CPU
    if device.type != "cuda":
        return OTHER
    if model.network not in _PER_TOKEN:
        _PER_TOKEN[model.network] = max(1.0, peak_bytes(device, lambda: _probe(model)) / _PROBED)
    return round(min(max(SHARE * free_bytes(device) / _PER_TOKEN[model.network], ON_CPU), MOST))


def room_to_record(device: torch.device) -> int:
    """How many bytes of a device's memory recorded outputs of layers may take."""
    free = free_bytes(device) if device.type == "cuda" else psutil.virtual_memory().available
    return round(min(RECORDED_SHARE * free, RECORDED_MOST))


def free_bytes(device: torch.device) -> int:
    """The memory of a CUDA GPU that is free, or that torch has reserved and does not use."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def peak_bytes(device: torch.device, work: Callable[[], None]) -> int:
    """How much more memory of a CUDA GPU is in use during ``work``, at most, than before it."""
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    work()
    return torch.cuda.max_memory_allocated(device) - before


def _probe(model: Model) -> None:
    """Encodes a batch of long sentences, because attention takes the more memory for a token, the longer they are."""
    (ids,) = model.tokenize([""])
    length = min(model.encoding.max_length, _PROBED)
    sentence = [ids[0]] * length
    with model.guard.hold(wait=True), inference(model.device):
        model.embed(model.pad([sentence] * (_PROBED // length)))
