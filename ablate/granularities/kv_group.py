"""Key/value heads with their query heads."""

from __future__ import annotations

from typing import ClassVar

from ablate.granularities.base import ColumnGranularity
from ablate.models.model import Layer, Model, Rows


class KvGroup(ColumnGranularity):
    """A key/value head and the query heads that share it (grouped-query attention, Ainslie et al. 2023, 2305.13245).

    Such a group can be cut out of a layer, and a query head alone cannot. Where queries are not grouped, it is a head.
    """

    name: ClassVar[str] = "kv-group"
    help: ClassVar[str] = "whole key/value heads, with the query heads that share them"

    def carrier(self, layer: Layer) -> str:
        return layer.attention_output

    def count(self, model: Model, layer: Layer) -> int:  # noqa: ARG002
        return layer.groups

    def producers(self, layer: Layer) -> tuple[Rows, ...]:
        return layer.query + layer.key_value
