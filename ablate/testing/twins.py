"""Makes two units of a model equal, so that their contributions must tie."""

from __future__ import annotations

import torch
from torch import Tensor

from ablate.granularities.base import ColumnGranularity
from ablate.models.model import Model


def twins(model: Model, granularity: ColumnGranularity) -> tuple[int, int]:
    """Makes the last unit of the first layer a copy of its first unit, in place.

    The weights that produce the unit and those that carry its output are copied.

    Returns:
        The two units. They are the same unit if the layer has only one.
    """
    layer = model.architecture.layers[0]
    count = granularity.count(model, layer)
    first, last = 0, count - 1
    _copy(model.weight(granularity.carrier(layer)).data.T, count, first, last)
    for rows in granularity.producers(layer):
        for name in rows.parameters(model.backbone):
            parameter = model.backbone.get_parameter(name).data
            _copy(parameter[rows.start : rows.start + rows.count], count, first, last)
    if granularity.carrier(layer) == layer.attention_output:
        # MPNet's heads also differ in their bias for the distance of two tokens.
        for name, weight in model.backbone.named_parameters():
            if name.endswith("relative_attention_bias.weight"):
                _copy(weight.data.T, count, first, last)
    return first, last


def _copy(rows: Tensor, count: int, source: int, target: int) -> None:
    size = len(rows) // count
    with torch.no_grad():
        rows[target * size : (target + 1) * size] = rows[source * size : (source + 1) * size]
