"""Encoders whose layers have heads and neurons of their own numbers, as transformers knows models.

Importing this registers them with transformers' Auto classes, so that ``AutoModel`` and ``SentenceTransformer`` load
their folders.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

import torch_pruning
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    MPNetConfig,
    MPNetModel,
    PreTrainedConfig,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)
from transformers.models.mpnet.modeling_mpnet import MPNetSelfAttention

from ablate.models.architectures import PRUNED, architecture_of

Numbers = Sequence[Sequence[int]]
"""For each layer the heads, or the neurons, that it keeps, in order."""


def cut_units(backbone: PreTrainedModel, heads: Numbers, neurons: Numbers) -> None:
    """Removes the other heads and neurons from a backbone's layers, in place.

    Args:
        heads: at least one in each layer, as numbered in the backbone. neurons: likewise.
    """
    for layer, kept_heads, kept_neurons in zip(architecture_of(backbone).layers, heads, neurons, strict=True):
        size = layer.head_size
        gone = [head * size + i for head in range(layer.heads) if head not in set(kept_heads) for i in range(size)]
        for name in (layer.query, layer.key, layer.value):
            torch_pruning.prune_linear_out_channels(backbone.get_submodule(name), gone)
        torch_pruning.prune_linear_in_channels(backbone.get_submodule(layer.attention_output), gone)
        ffn_in = backbone.get_submodule(layer.ffn_in)
        lost = sorted(set(range(len(cast(Tensor, ffn_in.weight)))) - set(kept_neurons))
        torch_pruning.prune_linear_out_channels(ffn_in, lost)
        torch_pruning.prune_linear_in_channels(backbone.get_submodule(layer.ffn_out), lost)
        if gone:
            _fewer_heads(backbone.get_submodule(layer.query.rpartition(".")[0]), list(kept_heads), size)
    for layer, kept_heads, kept_neurons in zip(architecture_of(backbone).layers, heads, neurons, strict=True):
        found = layer.heads, len(cast(Tensor, backbone.get_submodule(layer.ffn_in).weight))
        assert found == (len(kept_heads), len(kept_neurons)), (layer.path, found)


def _fewer_heads(attention: nn.Module, kept: list[int], size: int) -> None:
    """MPNet alone does not read the number of heads from the weights, and shares one position bias over all layers."""
    if not isinstance(attention, MPNetSelfAttention):
        return
    attention.num_attention_heads, attention.all_head_size = len(kept), len(kept) * size

    def own_bias(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden, mask, bias, *rest = inputs
        return hidden, mask, bias if bias is None else bias[:, kept], *rest

    attention.register_forward_pre_hook(own_bias)


class _Pruned(PreTrainedModel):  # type: ignore[no-untyped-call]
    """The family's model, its layers cut to what the config keeps: ``kept_heads`` and ``kept_neurons`` (how many)."""

    def __init__(self, config: PreTrainedConfig, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        cut_units(self, config.kept_heads, [range(count) for count in config.kept_neurons])


class PrunedBertConfig(BertConfig):  # type: ignore[no-untyped-call]
    model_type = f"{PRUNED}bert"


class PrunedBert(_Pruned, BertModel):  # type: ignore[no-untyped-call]
    config_class = PrunedBertConfig


class PrunedRobertaConfig(RobertaConfig):  # type: ignore[no-untyped-call]
    model_type = f"{PRUNED}roberta"


class PrunedRoberta(_Pruned, RobertaModel):  # type: ignore[no-untyped-call]
    config_class = PrunedRobertaConfig


class PrunedXLMRobertaConfig(XLMRobertaConfig):  # type: ignore[no-untyped-call]
    model_type = f"{PRUNED}xlm-roberta"


class PrunedXLMRoberta(_Pruned, XLMRobertaModel):  # type: ignore[no-untyped-call]
    config_class = PrunedXLMRobertaConfig


class PrunedDistilBertConfig(DistilBertConfig):  # type: ignore[no-untyped-call]
    model_type = f"{PRUNED}distilbert"


class PrunedDistilBert(_Pruned, DistilBertModel):  # type: ignore[no-untyped-call]
    config_class = PrunedDistilBertConfig


class PrunedMPNetConfig(MPNetConfig):  # type: ignore[no-untyped-call]
    model_type = f"{PRUNED}mpnet"


class PrunedMPNet(_Pruned, MPNetModel):  # type: ignore[no-untyped-call]
    config_class = PrunedMPNetConfig


TYPES: tuple[tuple[type[PreTrainedConfig], type[_Pruned]], ...] = (
    (PrunedBertConfig, PrunedBert),
    (PrunedRobertaConfig, PrunedRoberta),
    (PrunedXLMRobertaConfig, PrunedXLMRoberta),
    (PrunedDistilBertConfig, PrunedDistilBert),
    (PrunedMPNetConfig, PrunedMPNet),
)

for _config, _model in TYPES:
    AutoConfig.register(_config.model_type, _config)
    AutoModel.register(_config, _model)


def pruned_from(backbone: PreTrainedModel, heads: Numbers, neurons: Numbers) -> PreTrainedModel:
    """A copy of a backbone with fewer heads and neurons, as a model that can be saved and loaded.

    Of the family's own type where every layer has all its heads and as many neurons as the others: that loads without
    ablate. Of a pruned type otherwise.

    Args:
        heads, neurons: see :func:`cut`.
    """
    layers = architecture_of(backbone).layers
    counts = {len(kept) for kept in neurons}
    even = len(counts) == 1 and all(len(kept) == layer.heads for kept, layer in zip(heads, layers, strict=True))
    settings = {key: value for key, value in backbone.config.to_dict().items() if key != "model_type"}
    family = backbone.config.model_type.removeprefix(PRUNED)
    made: PreTrainedModel
    if even and family == backbone.config.model_type:
        width = "hidden_dim" if family == "distilbert" else "intermediate_size"
        made = type(backbone)(type(backbone.config)(**{**settings, width: counts.pop()}))
    else:
        config, kind = next(types for types in TYPES if types[0].model_type == PRUNED + family)
        before = settings.pop("kept_heads", None)
        original = [[own[head] for head in kept] for own, kept in zip(before, heads, strict=True)] if before else heads
        kept = {"kept_heads": [list(own) for own in original], "kept_neurons": [len(own) for own in neurons]}
        made = kind(config(**{**settings, **kept}))
    smaller = copy.deepcopy(backbone)
    cut_units(smaller, heads, neurons)
    if getattr(backbone, "pooler", True) is None:
        made.register_module("pooler", None)
    made.load_state_dict(smaller.state_dict(), strict=True)
    made.train(backbone.training)
    return made
