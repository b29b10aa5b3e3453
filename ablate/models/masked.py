"""Masks a model for the duration of a block, by zeroing parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from ablate.models.model import Model

Mask = NDArray[np.bool_]
"""bool [units] of one granularity, True = keep."""


@contextmanager
def masked(model: Model, keep: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Zeroes what a mask removes, and puts the originals back at the end of the block, also after an error.

    The original tensors are set aside and never written to, so the model is the same bit for bit afterwards. A thread
    may nest masks.

    Args:
        keep: parameter name -> bool tensor of its shape, True = keep, on any device.

    Raises:
        ModelError: another thread has the model, under a mask or with other weights.
    """
    originals: dict[str, torch.Tensor] = {}
    with model.guard.hold():
        try:
            for name, kept in keep.items():
                parameter = model.backbone.get_parameter(name)
                originals[name] = parameter.data
                parameter.data = parameter.data.where(kept.to(parameter.device), 0.0)
            yield
        finally:
            for name, original in originals.items():
                model.backbone.get_parameter(name).data = original


def merge(parts: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """What several masks keep together: an element of a parameter is kept if each of them keeps it."""
    merged: dict[str, torch.Tensor] = {}
    for part in parts:
        for name, kept in part.items():
            # Granularities may return tensors on the CPU or on the model's device.
            merged[name] = merged[name] & kept.to(merged[name].device) if name in merged else kept
    return merged


def removed_parameters(keep: Mapping[str, torch.Tensor]) -> int:
    """How many parameters materializing would remove."""
    return sum(kept.numel() - int(kept.sum()) for kept in keep.values())
