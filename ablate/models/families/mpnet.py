"""MPNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel

from ablate.models.family import Family
from ablate.models.model import Layer


class MPNet(Family):
    name: ClassVar[str] = "mpnet"
    help: ClassVar[str] = "MPNet: all-mpnet-base-v2"

    layer: ClassVar[str] = "encoder.layer.{i}"
    query: ClassVar[str] = "attention.attn.q"
    key: ClassVar[str] = "attention.attn.k"
    value: ClassVar[str] = "attention.attn.v"
    attention_output: ClassVar[str] = "attention.attn.o"
    ffn_in: ClassVar[tuple[str, ...]] = ("intermediate.dense",)
    ffn_out: ClassVar[str] = "output.dense"
    padding_offset: ClassVar[bool] = True
    apart: ClassVar[bool] = True

    def after_cut(self, backbone: PreTrainedModel, layer: Layer, heads: Sequence[int]) -> None:
        """MPNet stores the number of heads.

        It also passes one position bias, with all heads, to every layer, so each layer has to select its own.
        """
        attention: Any = backbone.get_submodule(f"{layer.path}.attention.attn")
        attention.num_attention_heads = len(heads)
        attention.all_head_size = len(heads) * layer.head_size
        kept = list(heads)

        def select_bias(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            hidden, mask, bias, *rest = inputs
            if bias is not None:
                bias = bias[:, torch.tensor(kept, device=bias.device)]
            return hidden, mask, bias, *rest

        attention.register_forward_pre_hook(select_bias)
