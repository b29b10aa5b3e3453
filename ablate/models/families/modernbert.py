"""ModernBERT."""

from __future__ import annotations

from typing import ClassVar

from ablate.models.family import Family


class ModernBert(Family):
    name: ClassVar[str] = "modernbert"
    help: ClassVar[str] = "ModernBERT: gte-modernbert, modernbert-embed"

    layer: ClassVar[str] = "layers.{i}"
    query: ClassVar[str] = "attn.Wqkv"
    key: ClassVar[str] = query
    value: ClassVar[str] = query
    attention_output: ClassVar[str] = "attn.Wo"
    ffn_in: ClassVar[tuple[str, ...]] = ("mlp.Wi", "mlp.Wi")
    ffn_out: ClassVar[str] = "mlp.Wo"
    relative: ClassVar[bool] = True
