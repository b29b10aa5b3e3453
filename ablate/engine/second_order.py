"""The second-order correction: gradients of the model halfway to the removal of the lowest units.

When a set of units is removed, the loss rises by ``∫ -Σ w · dL/dw(t) dt``, where their weights w shrink to (1 - t) w
for t from 0 to 1. A first-order contribution uses the slope at t = 0 for the whole way, and so ignores the interactions
of the units. The slope at the midpoint t = 1/2 accounts for all interactions to second order, and is exact where the
loss is quadratic along the way (the midpoint rule). See docs/second-order.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ablate.data.calibration import Calibration
from ablate.engine.gradients import gradient_pass
from ablate.engine.passes import Halfway, Pass
from ablate.engine.select import select
from ablate.granularities.base import Granularity
from ablate.models.losses import Loss
from ablate.models.model import Model


def halfway_pass(
    model: Model, calibration: Calibration, loss: Loss, planned: Pass, half: Halfway, first: Tensor
) -> Tensor:
    """Contributions with a second-order correction, float32 [units].

    Args:
        first: the first-order contributions of the same statistic.

    Raises:
        AblateError: the loss of a batch is not finite.
    """
    stays = without_lowest(model, half.granularity, first, half.share)
    request = half.granularity, half.statistic
    with halved(model, half.granularity, stays):
        contributions = gradient_pass(model, calibration, loss, planned, [request])[request]
    # The pass multiplied the gradient by half of each weight. A contribution takes the whole weight.
    return contributions.where(stays, (4 if half.statistic.sign == "squared" else 2) * contributions)


def without_lowest(model: Model, granularity: Granularity, contributions: Tensor, share: float) -> Tensor:
    """The mask that removes the ``share`` of all units with the lowest contributions among those that are left.

    A unit is already removed if every weight that carries its output is 0, as under a mask in force. Seed 0 decides
    ties.

    Args:
        contributions: first order, float32 [units].
        share: in (0, 1); ``round(share × units)`` are removed in addition to those that are already removed.

    Returns:
        bool [units], True = stays.
    """
    nonzero = {name: (model.weight(name).detach() != 0).float() for name in granularity.carriers(model)}
    left = (granularity.reduce(model, nonzero) > 0).cpu().numpy()
    count = len(left) - int(left.sum()) + round(share * len(left))
    stays = select(contributions.numpy(), granularity.layers(model).numpy(), count, kept=left)
    return torch.from_numpy(stays)


@contextmanager
def halved(model: Model, granularity: Granularity, stays: Tensor) -> Iterator[None]:
    """Halves the weights that carry the units that do not stay, and puts the originals back at the end of the block.

    Args:
        stays: bool [units].
    """
    keep = granularity.keep(model, stays)
    originals: dict[str, Tensor] = {}
    try:
        for name in granularity.carriers(model):
            if f"{name}.weight" in keep:
                weight = model.weight(name)
                originals[name] = weight.data
                stay = keep[f"{name}.weight"].to(weight.device)
                weight.data = weight.data.where(stay, weight.data / 2)
        yield
    finally:
        for name, original in originals.items():
            model.weight(name).data = original
