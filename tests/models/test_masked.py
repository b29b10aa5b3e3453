"""Masking is the same as not having what the mask removes, and leaves no trace."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch_pruning
from torch import Tensor, nn

from ablate.granularities.base import ColumnGranularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.models.assemble import pooled
from ablate.models.masked import masked, merge, removed_parameters
from ablate.models.model import Model
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.samples import sample_sentences
from ablate.testing.state import State, same_bits
from ablate.testing.tiny import tiny_model, tiny_tokenizer


def embeddings(model: Model) -> Tensor:
    with torch.no_grad():
        return model.embed(model.pad(model.tokenize(list(sample_sentences(8)))))


def keeps(model: Model) -> dict[str, dict[str, Tensor]]:
    """What a mask of a third of the units keeps, at every granularity."""
    found = {}
    for granularity in (Unstructured(), Head(), Neuron()):
        count = len(granularity.layers(model))
        found[granularity.name] = granularity.keep(model, torch.arange(count) % 3 != 0)
    return found


@pytest.mark.parametrize("family", STRUCTURES)
def test_a_mask_changes_the_output_and_leaves_no_trace(family: str) -> None:
    model = tiny_model(family)
    state, dense = State.of(model), embeddings(model)
    tensors = {name: p.data_ptr() for name, p in model.backbone.named_parameters()}
    for keep in keeps(model).values():
        with masked(model, keep):
            inside = embeddings(model)
            for name, kept in keep.items():
                assert not model.backbone.get_parameter(name)[~kept].any()
        assert not torch.allclose(inside, dense, atol=1e-2)
        assert state.changes(model) == []
        assert same_bits(embeddings(model), dense)
    assert tensors == {name: p.data_ptr() for name, p in model.backbone.named_parameters()}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_mask_is_lifted_however_it_ends(error: type[BaseException]) -> None:
    model = tiny_model()
    state = State.of(model)
    keep = keeps(model)["unstructured"]

    def fail_inside() -> None:
        with masked(model, keep):
            assert state.changes(model) != []
            raise error

    with pytest.raises(error):
        fail_inside()
    assert state.changes(model) == []


def test_a_mask_of_something_else_is_lifted_too() -> None:
    model = tiny_model()
    state = State.of(model)
    with pytest.raises(AttributeError), masked(model, keeps(model)["head"] | {"no.such": torch.ones(1)}):
        pytest.fail("it is not entered")
    assert state.changes(model) == []


def test_masks_within_masks() -> None:
    model = tiny_model()
    state, found = State.of(model), keeps(model)
    with masked(model, found["head"]):
        inner = State.of(model)
        with masked(model, found["neuron"]):
            both = embeddings(model)
        assert inner.changes(model) == []
    with masked(model, merge([found["head"], found["neuron"]])):
        assert same_bits(embeddings(model), both)
    assert state.changes(model) == []


def materialized(model: Model, granularity: ColumnGranularity, mask: Tensor) -> Model:
    """An actually smaller model, by torch-pruning."""
    backbone: Any = copy.deepcopy(model.backbone)
    graph = torch_pruning.DependencyGraph()
    graph.build_dependency(backbone, example_inputs=model.pad(model.tokenize(["a cat plays", "the dog"])))
    layers = granularity.layers(model)
    for i, layer in enumerate(model.architecture.layers):
        gone = (~mask[layers == i]).nonzero().flatten().tolist()
        if not gone:
            continue
        producers = [rows.name for rows in granularity.producers(layer)]
        size = model.weight(producers[0]).shape[0] // int((layers == i).sum())
        rows = [u * size + row for u in gone for row in range(size)]
        linear = backbone.get_submodule(producers[0])
        group = graph.get_pruning_group(linear, torch_pruning.prune_linear_out_channels, rows)
        touched = {dependency.target.module for dependency, _ in group}
        for producer in producers:
            assert backbone.get_submodule(producer) in touched
        group.prune()
        if granularity.name == "head":
            attention = backbone.get_submodule(layer.query[0].name.rpartition(".")[0])
            attention.num_attention_heads -= len(gone)
            attention.all_head_size -= len(rows)
    return pooled("smaller", backbone, tiny_tokenizer(model.architecture.family), "mean")


@pytest.mark.parametrize("granularity", [Head(), Neuron()], ids=lambda g: g.name)
def test_masking_is_the_same_as_an_actually_smaller_model(granularity: ColumnGranularity) -> None:
    model = tiny_model("bert")
    generator = torch.Generator().manual_seed(3)
    mask = torch.rand(len(granularity.layers(model)), generator=generator) > 0.4
    # Unevenly: one unit is left of the last layer's.
    last = granularity.layers(model) == 1
    mask[last] = torch.arange(int(last.sum())) == 2
    keep = granularity.keep(model, mask)
    smaller = materialized(model, granularity, mask)
    assert parameters(model.backbone) - parameters(smaller.backbone) == removed_parameters(keep) > 0
    with masked(model, keep):
        found = embeddings(model)
    assert torch.allclose(found, embeddings(smaller), atol=1e-5)
    assert not torch.allclose(found, embeddings(model), atol=1e-2)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_removed_parameters_by_hand() -> None:
    model = tiny_model(width=32, heads=4, neurons=64)
    # A head of 8 columns: 3 × (8 × 32 weights + 8 biases) and 32 × 8 of the output projection.
    one_head = Head().keep(model, torch.arange(8) != 5)
    assert removed_parameters(one_head) == 3 * (8 * 32 + 8) + 32 * 8
    # A neuron: a row and its bias, and a column.
    one_neuron = Neuron().keep(model, torch.arange(128) != 100)
    assert removed_parameters(one_neuron) == 32 + 1 + 32
    weights = Unstructured().keep(model, torch.arange(len(Unstructured().layers(model))) >= 7)
    assert removed_parameters(weights) == 7
    assert removed_parameters(merge([one_head, one_neuron, one_head])) == 3 * 264 + 256 + 65
    assert removed_parameters({}) == 0
