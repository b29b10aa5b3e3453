"""Feed-forward neurons."""

from __future__ import annotations

from typing import ClassVar

from ablate.granularities.base import ColumnGranularity
from ablate.models.model import Layer, Model, Rows


class Neuron(ColumnGranularity):
    """An FFN neuron: its column of the last FFN matrix, its rows of those before (two if gated), and its biases."""

    name: ClassVar[str] = "neuron"
    help: ClassVar[str] = "whole feed-forward neurons"

    def carrier(self, layer: Layer) -> str:
        return layer.ffn_out

    def count(self, model: Model, layer: Layer) -> int:
        return model.weight(layer.ffn_out).shape[1]

    def producers(self, layer: Layer) -> tuple[Rows, ...]:
        return layer.ffn_in
