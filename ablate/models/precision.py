"""Evaluates a model in another precision: its parameters are exchanged for cast ones, for the duration of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional

from ablate.errors import ModelError
from ablate.models.device import label
from ablate.models.model import Model
from ablate.models.spec import Precision

_TYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@contextmanager
def in_precision(model: Model, precision: Precision) -> Iterator[None]:
    """Casts everything that the model runs, also the modules behind its backbone, and puts the originals back.

    The original tensors are set aside and never written to, so the model is the same bit for bit afterwards, also after
    an error. It may be entered before a mask or after it.

    Raises:
        ModelError: another thread has the model, under a mask or with other weights.
    """
    if precision == "float32":
        yield
        return
    with model.guard.hold():
        # The tensors themselves, not their names: inside the block, layers may be replaced by others.
        tensors: list[Tensor] = [*model.network.parameters(), *model.network.buffers()]
        originals = [(tensor, tensor.data) for tensor in tensors if tensor.is_floating_point()]
        try:
            for tensor, original in originals:
                tensor.data = original.to(_TYPES[precision])
            yield
        finally:
            for tensor, original in originals:
                tensor.data = original


def check_precision(precision: Precision, device: torch.device) -> None:
    """Refuses a precision in which this device does not compute, by trying what an encoder layer does.

    Raises:
        ModelError: it does not, or there is no precision of that name.
    """
    if precision not in _TYPES:
        raise ModelError(f"'{precision}' is no precision; use {', '.join(_TYPES)}")
    if precision == "float32":
        return
    try:
        values = torch.ones(1, 2, 4, 8, dtype=_TYPES[precision], device=device)
        attended = functional.scaled_dot_product_attention(values, values, values)
        normalized = functional.layer_norm(functional.linear(attended, values[0, 0, :, :]), (4,))
        functional.gelu(normalized).softmax(-1).sum().item()
    except (RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split()).split(". ")[0]
        raise ModelError(f"{precision} does not work on {label(device)} ({reason}); use float32") from error
