"""The encoders of T5 and mT5."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

from transformers import MT5EncoderModel, PreTrainedConfig, T5EncoderModel

from ablate.models.family import Family


class T5(Family):
    """The first layer computes a position bias for each head of all layers, so no head can be cut out of one layer.

    sentence-transformers loads every T5 as T5's own class, in which all layers have equally many neurons.
    """

    name: ClassVar[str] = "t5"
    help: ClassVar[str] = "the encoder of T5: sentence-t5, gtr"

    layer: ClassVar[str] = "encoder.block.{i}"
    query: ClassVar[str] = "layer.0.SelfAttention.q"
    key: ClassVar[str] = "layer.0.SelfAttention.k"
    value: ClassVar[str] = "layer.0.SelfAttention.v"
    attention_output: ClassVar[str] = "layer.0.SelfAttention.o"
    ffn_in: ClassVar[tuple[str, ...]] = ("layer.1.DenseReluDense.wi",)
    ffn_out: ClassVar[str] = "layer.1.DenseReluDense.wo"
    neuron_count: ClassVar[str] = "d_ff"
    relative: ClassVar[bool] = True
    loads_with: ClassVar[Any] = T5EncoderModel
    cuts_heads: ClassVar[bool] = False
    uneven: ClassVar[bool] = False

    def head_size(self, config: PreTrainedConfig) -> int:
        return int(config.d_kv)

    def positions(self, config: PreTrainedConfig) -> int:  # noqa: ARG002
        return sys.maxsize

    def ffn_modules(self, config: PreTrainedConfig) -> tuple[str, ...]:
        module = "layer.1.DenseReluDense"
        return (f"{module}.wi_0", f"{module}.wi_1") if config.is_gated_act else self.ffn_in

    def sized(self, layers: int, heads: int, width: int, neurons: int) -> dict[str, Any]:
        sizes = {"num_layers": layers, "num_heads": heads, "d_model": width, "d_ff": neurons, "d_kv": width // heads}
        # A gated FFN, as T5 1.1 and mT5 have it.
        return {**sizes, "feed_forward_proj": "gated-gelu"}


class MT5(T5):
    name: ClassVar[str] = "mt5"
    help: ClassVar[str] = "the encoder of mT5"

    loads_with: ClassVar[Any] = MT5EncoderModel
