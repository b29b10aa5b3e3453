"""Attention heads."""

from __future__ import annotations

from typing import ClassVar

from ablate.granularities.base import ColumnGranularity
from ablate.models.model import Layer, Model, Rows


class Head(ColumnGranularity):
    """An attention head: its column block of the output projection, and its rows of query, key and value.

    Where several query heads share a key and a value, those stay; see the granularity ``kv-group``.
    """

    name: ClassVar[str] = "head"
    help: ClassVar[str] = "whole attention heads"

    def carrier(self, layer: Layer) -> str:
        return layer.attention_output

    def count(self, model: Model, layer: Layer) -> int:  # noqa: ARG002
        return layer.heads

    def producers(self, layer: Layer) -> tuple[Rows, ...]:
        return layer.query + (layer.key_value if layer.groups == layer.heads else ())
