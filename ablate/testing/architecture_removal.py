"""Checks of removal in a family: what produces a unit, exact removal, and smaller models that are saved and loaded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from transformers import AutoModel, PreTrainedModel

from ablate.export.smaller import smaller
from ablate.granularities.base import ColumnGranularity, Granularity
from ablate.granularities.head import Head
from ablate.granularities.kv_group import KvGroup
from ablate.granularities.neuron import Neuron
from ablate.granularities.replay import removals
from ablate.granularities.unstructured import Unstructured
from ablate.models.architectures import PRUNED_PREFIX
from ablate.models.assemble import pooled
from ablate.models.encode import encode, prepare
from ablate.models.family import Family
from ablate.models.load import load_model
from ablate.models.masked import masked, merge, removed_parameters
from ablate.models.materialize import CLOSE, largest_difference
from ablate.models.model import Model, Rows
from ablate.models.quiet import quiet
from ablate.models.spec import ModelSpec
from ablate.testing.contract import DoesNotApply, require, told
from ablate.testing.removal_contract import check_materialized, without
from ablate.testing.samples import sample_sentences
from ablate.testing.tiny import tiny_model, tiny_tokenizer

_NEURONS = (0, 1, -2, -1)


def check_rows(family: Family, who: str) -> None:
    """Checks the modules that a family names, and the order of the units in their rows.

    Each part changes the embeddings if it is zeros. And a unit that has lost its columns has no effect left, so its
    rows can be zeros too. If rows are in another order than the columns, another unit loses them.
    """
    model = tiny_model(family.name)
    features = model.pad(model.tokenize(list(sample_sentences(6))))
    with torch.no_grad():
        dense = model.embed(features)
        for name, keep in _parts(model):
            with masked(model, keep):
                require(not torch.equal(model.embed(features), dense), f"{who}: {name} has no part in the embeddings")
        for granularity in (Head(), Neuron(), KvGroup()):
            for unit in _units(granularity, model):
                keep = granularity.keep(model, without(_all(granularity, model), unit))
                carried = {f"{name}.weight" for name in granularity.carriers(model)}
                with masked(model, {name: kept for name, kept in keep.items() if name in carried}):
                    expected = model.embed(features)
                with masked(model, keep):
                    largest = largest_difference(expected, model.embed(features))
                others = ", ".join(sorted({name.rpartition(".")[0] for name in keep.keys() - carried}))
                require(
                    largest <= CLOSE,
                    f"{who}: {granularity.name} {unit} has rows that serve other units too: without its columns, "
                    f"embeddings still change by {largest:.1e} if its rows in {others} are zeros",
                )


def check_exact(family: Family, who: str) -> None:
    """Checks that removal one by one, which computes lower layers once, gives the embeddings of the masked model."""
    model = tiny_model(family.name)
    prepared = prepare(model, list(sample_sentences(6)))
    for granularity in (Head(), Neuron(), KvGroup(), Unstructured()):
        units = _units(granularity, model)
        with told(f"{who}: exact removal of a {granularity.name} fails", "see `in_order` and `apart`"):
            found = dict(removals(model, prepared, granularity, [torch.tensor([unit]) for unit in units]))
        for i, unit in enumerate(units):
            with masked(model, granularity.keep(model, without(_all(granularity, model), unit))):
                largest = largest_difference(encode(model, prepared), found[i])
            require(
                largest <= CLOSE,
                f"{who}: exact removal of {granularity.name} {unit} differs from the masked model by {largest:.1e}; "
                "see `in_order` and `apart`",
            )


def grouped(model: Model) -> bool:
    """Whether query heads share a key and a value."""
    return any(layer.groups != layer.heads for layer in model.architecture.layers)


def check_cut_neurons(family: Family, who: str) -> None:
    """Checks that neurons can be cut out of a model."""
    with told(f"{who}: without some neurons a tiny model fails", "see `ffn_in`, `ffn_modules` and `ffn_out`"):
        check_materialized(Neuron(), tiny_model(family.name), who)


def check_cut_heads(family: Family, who: str) -> None:
    """Checks that heads, or groups of heads that share a key and a value, can be cut out of a model.

    Raises:
        DoesNotApply: the family says that they cannot.
    """
    if not family.cuts_heads:
        raise DoesNotApply("its `cuts_heads` is False, so a removed head stays as zeros")
    with told(f"{who}: without some heads a tiny model fails", "see `after_cut`, `attention_rows` and `cuts_heads`"):
        check_materialized(KvGroup(), tiny_model(family.name, heads=8), who)


def check_saved_even(family: Family, who: str) -> None:
    """Checks the smaller model that has lost as many neurons in each layer. It needs no class of ablate.

    Where queries are grouped, as many key/value heads go too with their query heads, if a config can say so.
    """
    model = tiny_model(family.name)
    count = len(_all(Neuron(), model))
    keep = Neuron().keep(model, without(_all(Neuron(), model), 0, 7, count // 2, count - 1))
    layer = model.architecture.layers[0]
    assert isinstance(model.backbone, PreTrainedModel)
    if family.even_settings(model.backbone.config, layer.heads // layer.groups, 1, count // 2 - 2):
        keep = merge([keep, KvGroup().keep(model, without(_all(KvGroup(), model), 0, -1))])
    _check_saved(family, who, model, keep, family.name)


def check_saved_uneven(family: Family, who: str) -> None:
    """Checks the smaller model that has lost other numbers of heads and neurons in each layer, and is pruned again.

    Where queries are grouped, key/value heads go with their query heads.

    Raises:
        DoesNotApply: the family says that it has no such models.
    """
    if not family.uneven:
        raise DoesNotApply("its `uneven` is False, so all layers of a model have the same sizes")
    model = tiny_model(family.name, heads=8)
    count = len(_all(Neuron(), model))
    parts = [Neuron().keep(model, without(_all(Neuron(), model), 3, count - 1, count - 2))]
    if family.cuts_heads:
        groups = len(_all(KvGroup(), model))
        parts.append(KvGroup().keep(model, without(_all(KvGroup(), model), 1, *range(groups // 2 + 1, groups))))
    again = _check_saved(family, who, model, merge(parts), f"{PRUNED_PREFIX}{family.name}")
    more = Neuron().keep(again, without(_all(Neuron(), again), 0, 2))
    if family.cuts_heads:
        more = merge([more, KvGroup().keep(again, without(_all(KvGroup(), again), 0))])
    _check_saved(family, f"{who}, pruned a second time", again, more, f"{PRUNED_PREFIX}{family.name}")


def _check_saved(family: Family, who: str, model: Model, keep: dict[str, Tensor], model_type: str) -> Model:
    """Checks that a smaller model has lost what the mask removes, and gives the masked model's embeddings when loaded.

    Returns:
        The loaded model.
    """
    sentences = list(sample_sentences(6))
    with masked(model, keep):
        expected = encode(model, prepare(model, sentences))
    with told(f"{who}: no smaller model can be made", "see `uneven` and `neuron_count`"):
        made = smaller(model, keep)
    require(made.config.model_type == model_type, f"{who}: the smaller model is a '{made.config.model_type}'")
    assert isinstance(model.backbone, PreTrainedModel)
    lost, removed = model.backbone.num_parameters() - made.num_parameters(), removed_parameters(keep)
    require(
        lost == removed, f"{who}: the smaller model has {lost} parameters fewer, but the mask removes {removed} of them"
    )
    loads_with = family.loads_with if model_type == family.name else AutoModel
    failed = told(f"{who}: the smaller model cannot be saved and loaded", "see `uneven` and `loads_with`")
    with failed, tempfile.TemporaryDirectory() as folder, quiet():
        made.save_pretrained(folder)
        tiny_tokenizer(family.name).save_pretrained(folder)
        alone = loads_with.from_pretrained(folder, local_files_only=True).eval()
        loaded = load_model(ModelSpec(name=folder, pooling="mean"))
    for how, again in (
        ("", loaded),
        (f" by {loads_with.__name__}", pooled("alone", alone, tiny_tokenizer(family.name), "mean")),
    ):
        largest = largest_difference(expected, encode(again, prepare(again, sentences)))
        require(
            largest <= CLOSE,
            f"{who}: the smaller model, saved and loaded{how}, differs from the masked one by {largest:.1e}",
        )
    return loaded


def _parts(model: Model) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Each module that a family names, and each part of it that has a role of its own, as a mask that removes it."""
    for layer in model.architecture.layers:
        whole = [Rows(name, 0, len(model.weight(name))) for name in layer.linears]
        rows = [rows for rows in layer.query + layer.key_value + layer.ffn_in if _is_linear(model, rows)]
        for part in dict.fromkeys([*whole, *rows]):
            kept = torch.ones_like(model.weight(part.name), dtype=torch.bool)
            kept[part.start : part.start + part.count] = False
            where = "" if part.count == len(kept) else f", rows {part.start} to {part.start + part.count - 1},"
            yield f"'{part.name}'{where}", {f"{part.name}.weight": kept}


def _is_linear(model: Model, rows: Rows) -> bool:
    return f"{rows.name}.weight" in rows.parameters(model.backbone)


def _all(granularity: Granularity, model: Model) -> Tensor:
    """A mask that keeps all units."""
    return torch.ones(len(granularity.layers(model)), dtype=torch.bool)


def _units(granularity: Granularity, model: Model) -> Sequence[int]:
    """All heads, a few neurons, or a weight of each matrix."""
    count = len(granularity.layers(model))
    if isinstance(granularity, ColumnGranularity):
        return [unit % count for unit in _NEURONS] if isinstance(granularity, Neuron) else range(count)
    sizes = [model.weight(name).numel() for name in granularity.carriers(model)]
    return [sum(sizes[:i]) for i in range(len(sizes))]
