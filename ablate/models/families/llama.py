"""Llama, and what has its modules and may group its queries."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import PreTrainedConfig

from ablate.models.family import Family


class Rotary(Family):
    """The module names of Llama, which encoders with rotary positions have too, and a gated FFN."""

    layer: ClassVar[str] = "layers.{i}"
    query: ClassVar[str] = "self_attn.q_proj"
    key: ClassVar[str] = "self_attn.k_proj"
    value: ClassVar[str] = "self_attn.v_proj"
    attention_output: ClassVar[str] = "self_attn.o_proj"
    ffn_in: ClassVar[tuple[str, ...]] = ("mlp.gate_proj", "mlp.up_proj")
    ffn_out: ClassVar[str] = "mlp.down_proj"
    relative: ClassVar[bool] = True


class Llama(Rotary):
    """Several query heads to each key/value head."""

    name: ClassVar[str] = "llama"
    help: ClassVar[str] = "Llama"

    def even_settings(self, config: PreTrainedConfig, heads: int, groups: int, neurons: int) -> dict[str, int]:
        counts = {"num_attention_heads": heads, "num_key_value_heads": groups, self.neuron_count: neurons}
        return {**counts, "head_dim": self.head_size(config)}

    def sized(self, layers: int, heads: int, width: int, neurons: int) -> dict[str, Any]:
        grouped = {"num_key_value_heads": max(1, heads // 2), "head_dim": width // heads}
        return {**super().sized(layers, heads, width, neurons), **grouped}


class Mistral(Llama):
    name: ClassVar[str] = "mistral"
    help: ClassVar[str] = "Mistral: e5-mistral"


class Qwen2(Llama):
    name: ClassVar[str] = "qwen2"
    help: ClassVar[str] = "Qwen2: gte-Qwen2"


class Qwen3(Llama):
    name: ClassVar[str] = "qwen3"
    help: ClassVar[str] = "Qwen3: Qwen3-Embedding"


class Gemma3(Llama):
    name: ClassVar[str] = "gemma3_text"
    help: ClassVar[str] = "Gemma 3, text: EmbeddingGemma"


class EuroBert(Llama):
    name: ClassVar[str] = "eurobert"
    help: ClassVar[str] = "EuroBERT"
