"""DeBERTa, version 1."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from ablate.errors import ModelError
from ablate.models.families.deberta_v2 import DebertaV2
from ablate.models.family import parts
from ablate.models.model import Rows


class Deberta(DebertaV2):
    """One module has query, key and value of the first head, then those of the second, and so on."""

    name: ClassVar[str] = "deberta"
    help: ClassVar[str] = "DeBERTa, version 1"

    query: ClassVar[str] = "attention.self.in_proj"
    key: ClassVar[str] = query
    value: ClassVar[str] = query
    position_projections: ClassVar[tuple[str, ...]] = ("pos_proj", "pos_q_proj")

    def attention_rows(self, backbone: nn.Module, layer: str) -> tuple[tuple[Rows, ...], tuple[Rows, ...]]:
        attention = f"{layer}.attention.self"
        if getattr(backbone.get_submodule(attention), "talking_head", False):
            raise ModelError(
                f"'{layer}' has talking heads, each of which reads the scores of the others, so that none can be "
                "removed alone; such a model is not supported"
            )
        (projection,) = parts(backbone, [f"{attention}.in_proj"])
        columns = projection.count // 3
        biases = tuple(Rows(f"{attention}.{name}", 0, columns) for name in ("q_bias", "v_bias"))
        return (projection, *self.position_rows(backbone, attention)), biases
