"""Which units a second-order correction takes to be removed together, and the model halfway to their removal.

The rise of a loss as a set of units goes is ``∫ -Σ w · dL/dw(t) dt`` over their weights w, as these shrink to
(1 - t) w with t from 0 to 1. A first-order contribution takes the slope at t = 0 for all of the way, and so counts no
interaction of the units; the slope at the midpoint t = 1/2 counts all of them to second order, and is exact where the
loss is quadratic along the way (the midpoint rule). See "Second order" in docs/method.md.
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
        first: the first-order ones of the same statistic.

    Raises:
        AblateError: the loss of a batch is not finite.
    """
    stays = without_lowest(model, half.granularity, first, half.share)
    request = half.granularity, half.statistic
    with halved(model, half.granularity, stays):
        contributions = gradient_pass(model, calibration, loss, planned, [request])[request]
    # These are of half the weights. A contribution is of the whole weight, at the gradient where half of it is left.
    return contributions.where(stays, (4 if half.statistic.sign == "squared" else 2) * contributions)


def without_lowest(model: Model, granularity: Granularity, contributions: Tensor, share: float) -> Tensor:
    """The mask without the ``share`` of all units that have the lowest contributions among those not gone yet.

    A unit is gone where every weight that carries its output is 0, as under a mask in force. Ties are drawn by seed 0.

    Args:
        contributions: first order, float32 [units].
        share: in (0, 1); ``round(share × units)`` go beyond those that are gone.

    Returns:
        bool [units], True = stays.
    """
    nonzero = {name: (model.weight(name).detach() != 0).float() for name in granularity.carriers(model)}
    there = (granularity.reduce(model, nonzero) > 0).numpy()
    count = len(there) - int(there.sum()) + round(share * len(there))
    stays = select(contributions.numpy(), granularity.layers(model).numpy(), count, kept=there)
    return torch.from_numpy(stays)


@contextmanager
def halved(model: Model, granularity: Granularity, stays: Tensor) -> Iterator[None]:
    """Halves the weights that carry the units that do not stay; on leaving puts the originals back, bit for bit.

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
                weight.data = weight.data.where(keep[f"{name}.weight"], weight.data / 2)
        yield
    finally:
        for name, original in originals.items():
            model.weight(name).data = original
