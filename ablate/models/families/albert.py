"""ALBERT."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import PreTrainedConfig

from ablate.models.family import Family


class Albert(Family):
    """Its layers share their weights. So a unit is removed from all layers that share it."""

    name: ClassVar[str] = "albert"
    help: ClassVar[str] = "ALBERT; a unit goes from all layers that share it"

    layer: ClassVar[str] = "encoder.albert_layer_groups.{i}.albert_layers.{j}"
    query: ClassVar[str] = "attention.query"
    key: ClassVar[str] = "attention.key"
    value: ClassVar[str] = "attention.value"
    attention_output: ClassVar[str] = "attention.dense"
    ffn_in: ClassVar[tuple[str, ...]] = ("ffn",)
    ffn_out: ClassVar[str] = "ffn_output"
    in_order: ClassVar[bool] = False

    def layers(self, config: PreTrainedConfig) -> list[str]:
        groups, inner = range(config.num_hidden_groups), range(config.inner_group_num)
        return [self.layer.format(i=i, j=j) for i in groups for j in inner]

    def sized(self, layers: int, heads: int, width: int, neurons: int) -> dict[str, Any]:
        # Each layer runs twice.
        groups = {"num_hidden_layers": 2 * layers, "num_hidden_groups": layers, "embedding_size": width // 2}
        return {**super().sized(layers, heads, width, neurons), **groups}
