"""Model classes whose layers may have different numbers of heads and neurons.

Importing this module registers them with the Auto classes of transformers, so that ``AutoModel`` and
``SentenceTransformer`` can load their folders.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

import torch
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

from ablate.models.architectures import PRUNED_PREFIX, architecture_of

Numbers = Sequence[Sequence[int]]
"""For each layer, the numbers (from 0, ascending) of the heads or neurons that it keeps."""


def cut_units(backbone: PreTrainedModel, heads: Numbers, neurons: Numbers) -> None:
    """Removes all heads and neurons except those given from the layers of a backbone, in place.

    Args:
        heads: the heads to keep, at least one in each layer, as the backbone numbers them.
        neurons: the neurons to keep, likewise.
    """
    for layer, kept_heads, kept_neurons in zip(architecture_of(backbone).layers, heads, neurons, strict=True):
        size = layer.head_size
        channels = [head * size + i for head in range(layer.heads) if head not in set(kept_heads) for i in range(size)]
        for name in (layer.query, layer.key, layer.value):
            torch_pruning.prune_linear_out_channels(backbone.get_submodule(name), channels)
        torch_pruning.prune_linear_in_channels(backbone.get_submodule(layer.attention_output), channels)
        ffn_in = backbone.get_submodule(layer.ffn_in)
        removed_neurons = sorted(set(range(len(cast(Tensor, ffn_in.weight)))) - set(kept_neurons))
        torch_pruning.prune_linear_out_channels(ffn_in, removed_neurons)
        torch_pruning.prune_linear_in_channels(backbone.get_submodule(layer.ffn_out), removed_neurons)
        if channels:
            _fewer_heads(backbone.get_submodule(layer.query.rpartition(".")[0]), list(kept_heads), size)
    # Torch-Pruning 1.6.1 fails silently on some modules, so the resulting shapes are checked.
    for layer, kept_heads, kept_neurons in zip(architecture_of(backbone).layers, heads, neurons, strict=True):
        sizes = layer.heads, len(cast(Tensor, backbone.get_submodule(layer.ffn_in).weight))
        assert sizes == (len(kept_heads), len(kept_neurons)), (layer.path, sizes)


def _fewer_heads(attention: nn.Module, kept: list[int], size: int) -> None:
    """Tells an MPNet attention that it has fewer heads.

    The other families read the number of heads from the shape of the weights. MPNet stores it. It also passes one
    position bias, with all heads, to every layer, so each layer has to select its own heads from it.
    """
    if not isinstance(attention, MPNetSelfAttention):
        return
    attention.num_attention_heads, attention.all_head_size = len(kept), len(kept) * size

    def select_bias(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden, mask, bias, *rest = inputs
        if bias is not None:
            bias = bias[:, torch.tensor(kept, device=bias.device)]
        return hidden, mask, bias, *rest

    attention.register_forward_pre_hook(select_bias)


class _Pruned(PreTrainedModel):  # type: ignore[no-untyped-call]
    """A model of a family with fewer heads and neurons in its layers.

    Its config has ``kept_heads``, the numbers of the heads that each layer keeps, and ``kept_neurons``, how many
    neurons each layer keeps. The heads are listed because MPNet needs to know which ones, see :func:`_fewer_heads`.
    """

    def __init__(self, config: PreTrainedConfig, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        cut_units(self, config.kept_heads, [range(count) for count in config.kept_neurons])


class PrunedBertConfig(BertConfig):  # type: ignore[no-untyped-call]
    model_type = f"{PRUNED_PREFIX}bert"


class PrunedBert(_Pruned, BertModel):  # type: ignore[no-untyped-call]
    config_class = PrunedBertConfig


class PrunedRobertaConfig(RobertaConfig):  # type: ignore[no-untyped-call]
    model_type = f"{PRUNED_PREFIX}roberta"


class PrunedRoberta(_Pruned, RobertaModel):  # type: ignore[no-untyped-call]
    config_class = PrunedRobertaConfig


class PrunedXLMRobertaConfig(XLMRobertaConfig):  # type: ignore[no-untyped-call]
    model_type = f"{PRUNED_PREFIX}xlm-roberta"


class PrunedXLMRoberta(_Pruned, XLMRobertaModel):  # type: ignore[no-untyped-call]
    config_class = PrunedXLMRobertaConfig


class PrunedDistilBertConfig(DistilBertConfig):  # type: ignore[no-untyped-call]
    model_type = f"{PRUNED_PREFIX}distilbert"


class PrunedDistilBert(_Pruned, DistilBertModel):  # type: ignore[no-untyped-call]
    config_class = PrunedDistilBertConfig


class PrunedMPNetConfig(MPNetConfig):  # type: ignore[no-untyped-call]
    model_type = f"{PRUNED_PREFIX}mpnet"


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
    """A copy of a backbone with fewer heads and neurons, which can be saved and loaded.

    If every layer keeps all its heads, and all layers keep equally many neurons, the copy has the family's own model
    type, so that it can be loaded without ablate. Otherwise it has a pruned type.

    Args:
        heads, neurons: what to keep, see :func:`cut_units`.
    """
    layers = architecture_of(backbone).layers
    counts = {len(kept) for kept in neurons}
    even = len(counts) == 1 and all(len(kept) == layer.heads for kept, layer in zip(heads, layers, strict=True))
    settings = {key: value for key, value in backbone.config.to_dict().items() if key != "model_type"}
    family = backbone.config.model_type.removeprefix(PRUNED_PREFIX)
    pruned: PreTrainedModel
    if even and family == backbone.config.model_type:
        width = "hidden_dim" if family == "distilbert" else "intermediate_size"
        pruned = type(backbone)(type(backbone.config)(**{**settings, width: counts.pop()}))
    else:
        config, model_class = next(types for types in TYPES if types[0].model_type == PRUNED_PREFIX + family)
        # A backbone that was pruned before numbers its heads anew. The config needs the numbers of the original model.
        before = settings.pop("kept_heads", None)
        original = [[b[head] for head in kept] for b, kept in zip(before, heads, strict=True)] if before else heads
        kept = {"kept_heads": [list(kept) for kept in original], "kept_neurons": [len(kept) for kept in neurons]}
        pruned = model_class(config(**{**settings, **kept}))
    # `pruned` has the right shapes, but random weights. Copy the weights from a cut copy of the backbone.
    smaller = copy.deepcopy(backbone)
    cut_units(smaller, heads, neurons)
    # The backbone lost its pooler when it was loaded without pooler weights, see `_handle_missing` in load.py.
    if getattr(backbone, "pooler", True) is None:
        pruned.register_module("pooler", None)
    pruned.load_state_dict(smaller.state_dict(), strict=True)
    pruned.train(backbone.training)
    return pruned
