"""Feed-forward neurons."""

from __future__ import annotations

from typing import ClassVar

from ablate.granularities.base import ColumnGranularity
from ablate.models.model import Layer, Model


class Neuron(ColumnGranularity):
    """An FFN neuron: its column of the second FFN matrix, its row of the first, and its bias."""

    name: ClassVar[str] = "neuron"
    help: ClassVar[str] = "whole feed-forward neurons"

    def carrier(self, layer: Layer) -> str:
        return layer.ffn_out

    def count(self, model: Model, layer: Layer) -> int:
        return model.weight(layer.ffn_out).shape[1]

    def producers(self, layer: Layer) -> tuple[str, ...]:
        return (layer.ffn_in,)
