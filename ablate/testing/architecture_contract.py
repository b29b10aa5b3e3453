"""The contract of architectures: a family says where its models keep their heads and neurons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from ablate.errors import nearest
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.kv_group import KvGroup
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.models.families import with_family
from ablate.models.family import Family
from ablate.testing.architecture_embeddings import SIZES, check_length, check_library, check_padding, check_sizes
from ablate.testing.architecture_removal import (
    check_cut_heads,
    check_cut_neurons,
    check_exact,
    check_rows,
    check_saved_even,
    check_saved_uneven,
    grouped,
)
from ablate.testing.contract import Contract, ContractBroken, DoesNotApply, keep_all, require, told
from ablate.testing.granularity_contract import check_granularity
from ablate.testing.plugin_contract import check_plugin
from ablate.testing.tiny import tiny_model

WITHOUT_HEADS = "without heads, the smaller model equals the masked one"
"""The name of a contract."""

_NAMES = ("layer", "query", "key", "value", "attention_output", "ffn_out")


def check_architecture(plugin: type[Family], **parameters: Any) -> None:
    """Checks that an architecture keeps its contract, on tiny models with random weights.

    The class need not be registered. If one of its name is, this one stands for it during the check.

    Raises:
        ContractBroken: what is wrong, in one line.
    """
    keep_all(architecture_contracts(plugin, **parameters))


def architecture_contracts(plugin: type[Family], **parameters: Any) -> tuple[Contract, ...]:
    """The contracts that :func:`check_architecture` checks."""

    def of(check: Callable[[Family, str], None]) -> Callable[[], None]:
        def checked() -> None:
            family = plugin.model_validate(parameters)
            with with_family(family):
                check(family, f"architecture '{family.name}'")

        return checked

    return (
        Contract("name, help, version and parameters", lambda: _check_class(plugin, parameters), first=True),
        Contract("layers of the sizes asked for", of(_check_layers), first=True),
        Contract("every matrix of a layer is named", of(_check_all_named), first=True),
        Contract("sizes from the config alone", of(check_sizes), first=True),
        Contract("sentences up to the longest", of(check_length), first=True),
        Contract("padding changes no embedding", of(check_padding)),
        Contract("the embeddings of sentence-transformers", of(check_library)),
        Contract("what produces a unit serves it alone", of(check_rows), first=True),
        Contract("without neurons, the smaller model equals the masked one", of(check_cut_neurons), first=True),
        Contract(WITHOUT_HEADS, of(check_cut_heads), first=True),
        *(
            Contract(f"granularity {granularity.name} keeps its contract", of(_at(granularity)))
            for granularity in (Head, Neuron, KvGroup, Unstructured)
        ),
        Contract("exact removal is the masked model", of(check_exact)),
        Contract("a smaller model with even layers, saved and loaded", of(check_saved_even)),
        Contract("a smaller model with uneven layers, saved and loaded", of(check_saved_uneven)),
    )


def _at(granularity: type[Granularity]) -> Callable[[Family, str], None]:
    def check(family: Family, who: str) -> None:
        if granularity is KvGroup and not grouped(tiny_model(family.name)):
            raise DoesNotApply("each head has a key and a value of its own, so a group is a head")
        try:
            check_granularity(granularity, (family.name,))
        except ContractBroken as error:
            raise ContractBroken(f"{who}: {error}") from error

    return check


def _check_class(plugin: type[Family], parameters: dict[str, Any]) -> None:
    check_plugin(plugin, Family, **parameters)
    who = f"architecture '{plugin.name}'"
    require(not plugin.model_fields, f"{who} has parameters, which nothing could set: {', '.join(plugin.model_fields)}")
    for name in _NAMES:
        text = getattr(plugin, name, None)
        require(isinstance(text, str) and bool(text), f"{who} has no {name}: a ClassVar[str], the name of a module")
    modules = getattr(plugin, "ffn_in", None)
    require(
        isinstance(modules, tuple) and len(modules) in (1, 2) and all(isinstance(name, str) for name in modules),
        f"{who} has no ffn_in: a ClassVar[tuple[str, ...]] of one linear module, or of two if the FFN is gated",
    )
    near = nearest(plugin.name, CONFIG_MAPPING.keys())
    meant = f"; did you mean '{near}'?" if near else ", as a config.json names it"
    require(plugin.name in CONFIG_MAPPING, f"{who} is no `model_type` of transformers{meant}")


def _check_layers(family: Family, who: str) -> None:
    with told(f"{who}: no tiny model can be made", "see the names of its modules, and `sized`"):
        model = tiny_model(family.name, **SIZES)
    layers = model.architecture.layers
    for what, asked, found in (
        ("layers", SIZES["layers"], {len(layers)}),
        ("heads", SIZES["heads"], {layer.heads for layer in layers}),
        ("neurons", SIZES["neurons"], {layer.ffn_in[0].count for layer in layers}),
    ):
        numbers = " or ".join(map(str, sorted(found)))
        require(found == {asked}, f"{who}: a tiny model with {asked} {what} has {numbers}; see `sized` and the names")
    paths = [layer.path for layer in layers]
    require(len(set(paths)) == len(paths), f"{who}: layers names a layer twice: {paths}")
    with told(f"{who}: a tiny model cannot encode a sentence", "see `loads_with`"), torch.no_grad():
        model.embed(model.pad(model.tokenize(["a"])))


def _check_all_named(family: Family, who: str) -> None:
    """A gate that is not named, for one, would stay where its neurons are cut out."""
    model = tiny_model(family.name)
    for layer in model.architecture.layers:
        named = {*layer.linears, *(rows.name for rows in layer.query + layer.key_value + layer.ffn_in)}
        for name, parameter in model.backbone.get_submodule(layer.path).named_parameters(prefix=layer.path):
            module = name.rpartition(".")[0]
            known = named & {name, module} or isinstance(model.backbone.get_submodule(module), nn.Embedding)
            require(
                parameter.dim() < 2 or bool(known),
                f"{who}: nothing names '{name}', which is a matrix of the layer '{layer.path}'",
            )
