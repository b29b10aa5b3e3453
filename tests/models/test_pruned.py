"""The smaller model: the same embeddings as the masked one, in every family, saved and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModel, PreTrainedModel

from ablate.export.smaller import smaller
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.models.architectures import PRUNED_PREFIX, architecture_of
from ablate.models.masked import masked, merge, removed_parameters
from ablate.models.materialize import loses_units, materialized, remaining_units
from ablate.models.model import Model
from ablate.models.quiet import quiet
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.state import State
from ablate.testing.tiny import tiny_model

UNEVEN = ["bert", "roberta", "xlm-roberta", "distilbert", "mpnet", "albert", "deberta", "deberta-v2", "modernbert"]
"""Families whose layers may have different numbers of heads, each with a key and a value of its own."""

SENTENCES = ["the man plays", "a dog runs in the big red house now", "x"]


def without(count: int, *gone: int) -> Tensor:
    mask = torch.ones(count, dtype=torch.bool)
    mask[list(gone)] = False
    return mask


def states(model: Model, backbone: Any = None) -> Tensor:
    """The last hidden states of the sentences, those of padding left out."""
    features = model.pad(model.tokenize(SENTENCES))
    with torch.no_grad():
        output = (backbone or model.backbone)(**features)
    return output.last_hidden_state[features["attention_mask"].bool()]  # type: ignore[no-any-return]


def uneven(model: Model) -> dict[str, Tensor]:
    return merge([Head().keep(model, without(8, 1, 5, 6)), Neuron().keep(model, without(128, 3, 70, 71, 90))])


def parameters(backbone: Any) -> int:
    return sum(parameter.numel() for parameter in backbone.parameters())


def saved(backbone: PreTrainedModel, folder: Path) -> PreTrainedModel:
    with quiet():
        backbone.save_pretrained(folder)
        loads_with = AutoModel if backbone.config.model_type.startswith(PRUNED_PREFIX) else type(backbone)
        loaded: PreTrainedModel = loads_with.from_pretrained(folder, local_files_only=True)
    loaded.train(False)
    return loaded


@pytest.mark.parametrize("family", UNEVEN)
def test_uneven_layers_give_the_masked_models_embeddings_also_after_loading(family: str, tmp_path: Path) -> None:
    model = tiny_model(family)
    keep, dense = uneven(model), states(model)
    with masked(model, keep):
        expected = states(model)
    made = smaller(model, keep)
    assert (expected - dense).abs().max() > 0.1
    torch.testing.assert_close(states(model, made), expected, atol=1e-6, rtol=0)
    loaded = saved(made, tmp_path)
    torch.testing.assert_close(states(model, loaded), expected, atol=1e-6, rtol=0)
    assert loaded.config.model_type == f"{PRUNED_PREFIX}{family}"
    assert loaded.config.kept_heads == [[0, 2, 3], [0, 3]]
    assert loaded.config.kept_neurons == [63, 61]
    assert [layer.heads for layer in architecture_of(loaded).layers] == [3, 2]
    assert parameters(model.backbone) - parameters(loaded) == removed_parameters(keep)
    if family == "bert":
        # A head of width 8: its rows of query, key and value with their biases, and its columns of the output.
        head, neuron = 3 * 8 * (32 + 1) + 8 * 32, 32 + 1 + 32
        assert removed_parameters(keep) == 3 * head + 4 * neuron
    torch.testing.assert_close(states(model), dense, atol=0, rtol=0)


@pytest.mark.parametrize("family", STRUCTURES)
def test_an_even_loss_of_neurons_is_a_model_of_the_familys_own_type(family: str, tmp_path: Path) -> None:
    model = tiny_model(family)
    keep = Neuron().keep(model, without(128, 0, 7, 64, 127))
    with masked(model, keep):
        expected = states(model)
    loaded = saved(smaller(model, keep), tmp_path)
    assert loaded.config.model_type == family
    assert type(loaded) is type(model.backbone)
    torch.testing.assert_close(states(model, loaded), expected, atol=1e-6, rtol=0)


def test_single_weights_become_zeros_in_a_model_of_the_same_shape() -> None:
    model = tiny_model("bert")
    units = len(Unstructured().layers(model))
    keep = Unstructured().keep(model, torch.rand(units, generator=torch.manual_seed(0)) > 0.3)
    with masked(model, keep):
        expected = states(model)
    made = smaller(model, keep)
    assert parameters(made) == parameters(model.backbone)
    assert torch.equal(states(model, made), expected)
    assert sum(int((p == 0).sum()) for p in made.parameters()) >= sum(int((~kept).sum()) for kept in keep.values())


def test_heads_go_and_what_else_the_mask_removes_is_zero() -> None:
    model = tiny_model("roberta")
    units = len(Unstructured().layers(model))
    keep = merge([uneven(model), Unstructured().keep(model, torch.rand(units, generator=torch.manual_seed(0)) > 0.3)])
    with masked(model, keep):
        expected = states(model)
    made = smaller(model, keep)
    torch.testing.assert_close(states(model, made), expected, atol=1e-6, rtol=0)
    assert parameters(made) < parameters(model.backbone)


@pytest.mark.parametrize("family", UNEVEN)
def test_a_layer_that_loses_everything_keeps_one_unit_of_zeros(family: str, tmp_path: Path) -> None:
    model = tiny_model(family)
    keep = merge([Head().keep(model, without(8, 0, 1, 2, 3)), Neuron().keep(model, without(128, *range(64, 128)))])
    with masked(model, keep):
        expected = states(model)
    assert [len(kept) for part in remaining_units(model, keep) for kept in part] == [1, 4, 64, 1]
    loaded = saved(smaller(model, keep), tmp_path)
    torch.testing.assert_close(states(model, loaded), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("family", ["bert", "mpnet", "deberta"])
def test_a_pruned_model_can_be_pruned_again(family: str, tmp_path: Path) -> None:
    from ablate.models.assemble import pooled
    from ablate.testing.tiny import tiny_tokenizer

    model = tiny_model(family)
    once = saved(smaller(model, uneven(model)), tmp_path / "once")
    again = pooled("again", once, tiny_tokenizer(family), "mean")
    keep = merge([Head().keep(again, without(5, 1, 3)), Neuron().keep(again, without(124, 5))])
    with masked(again, keep):
        expected = states(again)
    twice = saved(smaller(again, keep), tmp_path / "twice")
    # Of heads 0, 2, 3 the second went, of 0, 3 the first: numbers are those of the dense model.
    assert twice.config.kept_heads == [[0, 3], [3]]
    torch.testing.assert_close(states(again, twice), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("family", UNEVEN)
def test_a_materialized_model_runs_smaller_and_is_given_back_bit_for_bit(family: str) -> None:
    model = tiny_model(family)
    units = len(Unstructured().layers(model))
    keep = merge([uneven(model), Unstructured().keep(model, torch.rand(units, generator=torch.manual_seed(0)) > 0.1)])
    before, modules = State.of(model), dict(model.backbone.named_modules())
    with masked(model, keep):
        expected = states(model)
    with materialized(model, keep):
        assert [layer.heads for layer in architecture_of(model.backbone).layers] == [3, 2]  # type: ignore[arg-type]
        torch.testing.assert_close(states(model), expected, atol=1e-6, rtol=0)
    with pytest.raises(RuntimeError, match="inside"), materialized(model, keep):
        raise RuntimeError("inside")
    assert dict(model.backbone.named_modules()) == modules
    assert before.changes(model) == []


def test_whole_units_are_told_from_single_weights() -> None:
    model = tiny_model("bert")
    units = len(Unstructured().layers(model))
    assert not loses_units(model, {})
    assert not loses_units(model, Unstructured().keep(model, torch.rand(units, generator=torch.manual_seed(0)) > 0.1))
    assert loses_units(model, Head().keep(model, without(8, 3)))
    assert loses_units(model, Neuron().keep(model, without(128, 127)))
