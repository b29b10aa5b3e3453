"""DeBERTa, versions 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import nn
from transformers import PreTrainedModel

from ablate.models.family import Family, parts
from ablate.models.model import Layer, Rows


class DebertaV2(Family):
    """A head also has its rows of the projections of relative positions."""

    name: ClassVar[str] = "deberta-v2"
    help: ClassVar[str] = "DeBERTa, versions 2 and 3"

    layer: ClassVar[str] = "encoder.layer.{i}"
    query: ClassVar[str] = "attention.self.query_proj"
    key: ClassVar[str] = "attention.self.key_proj"
    value: ClassVar[str] = "attention.self.value_proj"
    attention_output: ClassVar[str] = "attention.output.dense"
    ffn_in: ClassVar[tuple[str, ...]] = ("intermediate.dense",)
    ffn_out: ClassVar[str] = "output.dense"
    position_projections: ClassVar[tuple[str, ...]] = ("pos_query_proj", "pos_key_proj")

    def attention_rows(self, backbone: nn.Module, layer: str) -> tuple[tuple[Rows, ...], tuple[Rows, ...]]:
        query, key_value = super().attention_rows(backbone, layer)
        return query + self.position_rows(backbone, f"{layer}.attention.self"), key_value

    def position_rows(self, backbone: nn.Module, attention: str) -> tuple[Rows, ...]:
        """The rows of the projections that an attention module has of its own for positions."""
        own = dict(backbone.get_submodule(attention).named_children())
        return parts(backbone, [f"{attention}.{name}" for name in self.position_projections if name in own])

    def sized(self, layers: int, heads: int, width: int, neurons: int) -> dict[str, Any]:
        # As in the published models, but with projections for positions, which some of them share with the tokens.
        positions = {"relative_attention": True, "position_biased_input": False, "pos_att_type": ["c2p", "p2c"]}
        return {**super().sized(layers, heads, width, neurons), **positions, "share_att_key": False}

    def after_cut(self, backbone: PreTrainedModel, layer: Layer, heads: Sequence[int]) -> None:
        attention: Any = backbone.get_submodule(f"{layer.path}.attention.self")
        attention.num_attention_heads, attention.all_head_size = len(heads), len(heads) * layer.head_size
