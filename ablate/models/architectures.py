"""Where each supported family of transformers keeps its heads and neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from ablate.errors import ModelError
from ablate.models.model import Architecture, Layer


@dataclass(frozen=True)
class Family:
    """The names of the modules of a layer. ``layer`` is relative to the backbone, the others are relative to the layer.

    layer: a pattern, in which ``{i}`` is the number of the layer.
    attention: the module that splits its input into heads, and has the size of a head as ``attention_head_size``.
    padding_offset: whether positions are numbered from the padding id + 1. If so, that many positions are not usable.
    """

    layer: str
    attention: str
    query: str
    key: str
    value: str
    attention_output: str
    ffn_in: str
    ffn_out: str
    padding_offset: bool = False


def _bert_like(padding_offset: bool) -> Family:
    return Family(
        layer="encoder.layer.{i}",
        attention="attention.self",
        query="attention.self.query",
        key="attention.self.key",
        value="attention.self.value",
        attention_output="attention.output.dense",
        ffn_in="intermediate.dense",
        ffn_out="output.dense",
        padding_offset=padding_offset,
    )


FAMILIES: dict[str, Family] = {
    "bert": _bert_like(padding_offset=False),
    "roberta": _bert_like(padding_offset=True),
    "xlm-roberta": _bert_like(padding_offset=True),
    "distilbert": Family(
        layer="transformer.layer.{i}",
        attention="attention",
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        attention_output="attention.out_lin",
        ffn_in="ffn.lin1",
        ffn_out="ffn.lin2",
    ),
    "mpnet": Family(
        layer="encoder.layer.{i}",
        attention="attention.attn",
        query="attention.attn.q",
        key="attention.attn.k",
        value="attention.attn.v",
        attention_output="attention.attn.o",
        ffn_in="intermediate.dense",
        ffn_out="output.dense",
        padding_offset=True,
    ),
}
SUPPORTED: tuple[str, ...] = tuple(FAMILIES)

PRUNED_PREFIX = "ablate-"
"""The ``model_type`` of a pruned model is this and the one of its family, see :mod:`ablate.models.pruned`."""


def family_of(model_type: object, where: str) -> Family:
    """The family of a config's ``model_type``. No weights are needed.

    Args:
        where: the name of the model, for the message.

    Raises:
        ModelError: the architecture is not supported. The message lists those that are.
    """
    name = model_type.removeprefix(PRUNED_PREFIX) if isinstance(model_type, str) else ""
    if name not in FAMILIES:
        raise ModelError(
            f"model '{where}': architecture '{model_type}' is not supported; supported: {', '.join(SUPPORTED)}"
        )
    return FAMILIES[name]


def usable_positions(config: PreTrainedConfig) -> int:
    """The most tokens that a backbone of this config accepts, special tokens included."""
    family = family_of(config.model_type, config.name_or_path or "")
    unusable = config.pad_token_id + 1 if family.padding_offset else 0
    return int(config.max_position_embeddings - unusable)


def architecture_of(backbone: PreTrainedModel) -> Architecture:
    """Finds the linear modules, heads and neurons of every encoder layer.

    The size of a head is read from the attention module, and the number of heads follows from the shape of the weight.
    So layers may have different numbers of heads, as those of a pruned model have.

    Raises:
        ModelError: the architecture is not supported, or the modules are not those of its family.
    """
    config = backbone.config
    where = config.name_or_path or type(backbone).__name__
    family = family_of(config.model_type, where)
    layers = tuple(_layer(backbone, family, i, where) for i in range(config.num_hidden_layers))
    return Architecture(config.model_type, layers)


def _layer(backbone: nn.Module, family: Family, i: int, where: str) -> Layer:
    prefix = family.layer.format(i=i)

    def linear(path: str) -> str:
        name = f"{prefix}.{path}"
        try:
            module = backbone.get_submodule(name)
        except AttributeError as error:
            raise ModelError(f"model '{where}': has no module '{name}', which its architecture should have") from error
        if not isinstance(module, nn.Linear):
            raise ModelError(f"model '{where}': '{name}' is a {type(module).__name__}, not a plain linear layer")
        return name

    fields = ("query", "key", "value", "attention_output", "ffn_in", "ffn_out")
    names = {field: linear(getattr(family, field)) for field in fields}
    weights = {field: cast(Tensor, backbone.get_submodule(name).weight) for field, name in names.items()}
    shape = {field: tuple(weight.shape) for field, weight in weights.items()}
    head_size = cast(int, backbone.get_submodule(f"{prefix}.{family.attention}").attention_head_size)
    rows, neurons = shape["query"][0], shape["ffn_in"][0]
    consistent = (
        rows % head_size == 0
        and rows == shape["key"][0] == shape["value"][0] == shape["attention_output"][1]
        and neurons == shape["ffn_out"][1]
    )
    if not consistent:
        raise ModelError(
            f"model '{where}': '{prefix}' cannot be divided into heads and neurons: its weights are {shape}"
        )
    return Layer(**names, heads=rows // head_size, head_size=head_size)
