"""How large a cell's model is, computed from its mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from ablate.export.smaller import smaller
from ablate.models.model import Model


@dataclass(frozen=True)
class Size:
    """parameters: of the encoder, zeros included. bytes: of all weights as exported, in float32."""

    parameters: int
    bytes: int


def size_of(model: Model, keep: Mapping[str, Tensor]) -> Size:
    """The size of the model without the heads and neurons that ``keep`` removes.

    Args:
        keep: parameter name -> bool tensor of its shape, True = keep; empty for the dense model.
    """
    backbone: nn.Module = smaller(model, keep) if keep else model.backbone
    parameters = sum(one.numel() for one in backbone.parameters())
    behind = sum(one.numel() for one in model.network.parameters()) - sum(
        one.numel() for one in model.backbone.parameters()
    )
    return Size(parameters, 4 * (parameters + behind))
