"""DistilBERT."""

from __future__ import annotations

from typing import Any, ClassVar

from ablate.models.family import Family


class DistilBert(Family):
    name: ClassVar[str] = "distilbert"
    help: ClassVar[str] = "DistilBERT"

    layer: ClassVar[str] = "transformer.layer.{i}"
    query: ClassVar[str] = "attention.q_lin"
    key: ClassVar[str] = "attention.k_lin"
    value: ClassVar[str] = "attention.v_lin"
    attention_output: ClassVar[str] = "attention.out_lin"
    ffn_in: ClassVar[tuple[str, ...]] = ("ffn.lin1",)
    ffn_out: ClassVar[str] = "ffn.lin2"
    neuron_count: ClassVar[str] = "hidden_dim"
    apart: ClassVar[bool] = True

    def sized(self, layers: int, heads: int, width: int, neurons: int) -> dict[str, Any]:
        return {"n_layers": layers, "n_heads": heads, "dim": width, "hidden_dim": neurons}
