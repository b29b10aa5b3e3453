"""Models whose layers may have different numbers of heads and neurons.

Importing this module registers their classes with the Auto classes of transformers, so that ``AutoModel`` and
``SentenceTransformer`` can load their folders.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, cast

import torch
import torch_pruning
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from ablate.distribution import DISTRIBUTION
from ablate.errors import ModelError, PluginError
from ablate.models.architectures import PRUNED_PREFIX, architecture_of, family_of, family_of_config, supported
from ablate.models.family import Family
from ablate.models.model import Rows

Numbers = Sequence[Sequence[int]]
"""For each layer, the numbers (from 0, ascending) of the heads or neurons that it keeps."""


NEEDS = f"pip install {DISTRIBUTION}, then import ablate.models.pruned"
"""What config.json of a model with a pruned type tells its readers."""


def cut_units(backbone: PreTrainedModel, heads: Numbers, neurons: Numbers) -> None:
    """Removes all heads and neurons except those given from the layers of a backbone, in place.

    Args:
        heads: the heads to keep, at least one in each layer, as the backbone numbers them. Heads that share a key and a
            value are kept or removed together.
        neurons: the neurons to keep, likewise.
    """
    family = family_of_config(backbone.config)
    for layer, kept_heads, kept_neurons in zip(architecture_of(backbone).layers, heads, neurons, strict=True):
        neuron_count = layer.ffn_in[0].count
        kept_groups = {head * layer.groups // layer.heads for head in kept_heads}
        _cut_columns(backbone, layer.attention_output, layer.heads, kept_heads)
        _cut_columns(backbone, layer.ffn_out, neuron_count, kept_neurons)
        # Together, because a module may hold the rows of several producers.
        removed: dict[str, list[int]] = {}
        for producers, units, kept in (
            (layer.query, layer.heads, kept_heads),
            (layer.key_value, layer.groups, kept_groups),
            (layer.ffn_in, neuron_count, kept_neurons),
        ):
            for rows in producers:
                removed.setdefault(rows.name, []).extend(_others(rows, units, kept))
        for name, numbers in removed.items():
            _cut_rows(backbone, name, sorted(numbers))
        if len(kept_heads) < layer.heads:
            family.after_cut(backbone, layer, kept_heads)
    # Torch-Pruning 1.6.1 fails silently on some modules, so the resulting shapes are checked.
    for layer, kept_heads, kept_neurons in zip(architecture_of(backbone).layers, heads, neurons, strict=True):
        sizes = layer.heads, layer.ffn_in[0].count
        assert sizes == (len(kept_heads), len(kept_neurons)), (layer.path, sizes)


def _cut_columns(backbone: nn.Module, carrier: str, units: int, kept: Collection[int]) -> None:
    linear = backbone.get_submodule(carrier)
    columns = Rows(carrier, 0, cast(Tensor, linear.weight).shape[1])
    torch_pruning.prune_linear_in_channels(linear, _others(columns, units, kept))


def _cut_rows(backbone: nn.Module, name: str, numbers: list[int]) -> None:
    parent, _, own = name.rpartition(".")
    holder = backbone.get_submodule(parent)
    part = getattr(holder, own)
    if isinstance(part, nn.Parameter):
        kept = torch.tensor(sorted(set(range(len(part))) - set(numbers)), device=part.device)
        setattr(holder, own, nn.Parameter(part.detach()[kept], part.requires_grad))
    else:
        torch_pruning.prune_linear_out_channels(part, numbers)


def _others(rows: Rows, units: int, kept: Collection[int]) -> list[int]:
    """The numbers of the rows of all units but some."""
    size, stays = rows.count // units, set(kept)
    return [rows.start + unit * size + i for unit in range(units) if unit not in stays for i in range(size)]


class _Pruned(PreTrainedModel):  # type: ignore[no-untyped-call]
    """A model of a family with fewer heads and neurons in its layers.

    Its config has ``kept_heads``, the numbers of the heads that each layer keeps, and ``kept_neurons``, how many
    neurons each layer keeps. The heads are listed because some families need to know which ones are left.
    """

    def __init__(self, config: PreTrainedConfig, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        cut_units(self, config.kept_heads, [range(count) for count in config.kept_neurons])


def _register(family: str) -> tuple[type[PreTrainedConfig], type[PreTrainedModel]]:
    """Makes and registers the classes of the pruned models of a family."""
    config: type[PreTrainedConfig] = CONFIG_MAPPING[family]
    model = cast(type[PreTrainedModel], MODEL_MAPPING[config])
    model_type, here = PRUNED_PREFIX + family, {"__module__": __name__}
    pruned_config = type(f"Pruned{config.__name__}", (config,), {"model_type": model_type, **here})
    classes = (_Pruned, model)
    pruned_model = type(f"Pruned{model.__name__}", classes, {"config_class": pruned_config, **here})
    AutoConfig.register(model_type, pruned_config)
    AutoModel.register(pruned_config, pruned_model)
    return pruned_config, pruned_model


TYPES: dict[str, tuple[type[PreTrainedConfig], type[PreTrainedModel]]] = {}
"""The classes of config and model of the pruned models of families, by the families' names."""


def _has_class(family: str) -> bool:
    return family in CONFIG_MAPPING and CONFIG_MAPPING[family] in MODEL_MAPPING


def pruned_types(family: str) -> tuple[type[PreTrainedConfig], type[PreTrainedModel]]:
    """The classes of config and model of the pruned models of a family that transformers has."""
    if family not in TYPES:
        TYPES[family] = _register(family)
    return TYPES[family]


def _register_all() -> None:
    """Registers the pruned types, so that folders of exported models can be loaded.

    A family of a plug-in may have a ``model_type`` that transformers does not have, or that another plug-in registers
    too. That must not stop other models from being loaded.
    """
    for name in supported():
        with suppress(PluginError):
            if family_of(name, name).uneven and _has_class(name):
                pruned_types(name)


_register_all()


def pruned_from(backbone: PreTrainedModel, heads: Numbers, neurons: Numbers) -> PreTrainedModel:
    """A copy of a backbone with fewer heads and neurons, which can be saved and loaded.

    If a config of the family can say how many units each layer keeps, the copy has the family's own model type, so that
    it can be loaded without ablate. Otherwise it has a pruned type.

    Args:
        heads, neurons: what to keep, see :func:`cut_units`.

    Raises:
        ModelError: the layers would differ, and the family has no pruned type.
    """
    settings = {key: value for key, value in backbone.config.to_dict().items() if key not in ("model_type", "needs")}
    family = family_of_config(backbone.config)
    even = _even_settings(family, backbone, heads, neurons)
    pruned: PreTrainedModel
    if even is not None:
        pruned = type(backbone)(type(backbone.config)(**{**settings, **even}))
    elif not (family.uneven and _has_class(family.name)):
        raise ModelError(
            f"a {family.name} model can only be saved with equally many neurons in all layers, and with all heads: "
            "choose a cell with `scope: layer`"
        )
    else:
        config, model_class = pruned_types(family.name)
        # A backbone that was pruned before numbers its heads anew. The config needs the numbers of the original model.
        before = settings.pop("kept_heads", None)
        original = [[b[head] for head in kept] for b, kept in zip(before, heads, strict=True)] if before else heads
        kept = {"kept_heads": [list(kept) for kept in original], "kept_neurons": [len(kept) for kept in neurons]}
        settings["needs"] = NEEDS
        pruned = model_class(config(**{**settings, **kept}))
    # `pruned` has the right shapes, but random weights. Copy the weights from a cut copy of the backbone.
    smaller = copy.deepcopy(backbone)
    cut_units(smaller, heads, neurons)
    # The backbone lost its pooler when it was loaded without pooler weights, see `_handle_missing` in load.py.
    if getattr(backbone, "pooler", True) is None:
        pruned.pooler = None  # type: ignore[assignment]
    pruned.load_state_dict(smaller.state_dict(), strict=True)
    pruned.train(backbone.training)
    return pruned


def _even_settings(
    family: Family, backbone: PreTrainedModel, heads: Numbers, neurons: Numbers
) -> dict[str, int] | None:
    """The settings of a config of the family for a model with these units; None if there are none."""
    layers = architecture_of(backbone).layers
    counts = {
        (len(kept_heads), len(kept_heads) * layer.groups // layer.heads, len(kept_neurons))
        for layer, kept_heads, kept_neurons in zip(layers, heads, neurons, strict=True)
    }
    if len(counts) > 1 or family.name != backbone.config.model_type:
        return None
    return family.even_settings(backbone.config, *counts.pop())
