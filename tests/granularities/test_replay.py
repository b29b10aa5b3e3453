"""Removal with the lower layers replayed gives what the whole masked model gives, bit for bit."""

from __future__ import annotations

from contextlib import closing

import pytest
import torch

from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.replay import removals
from ablate.granularities.unstructured import Unstructured
from ablate.models.encode import encode, prepare
from ablate.models.masked import masked
from ablate.models.model import Layer, Model, Rows
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.samples import sample_calibration
from ablate.testing.state import State
from ablate.testing.tiny import tiny_model

SENTENCES = list(sample_calibration().sentences)


def groups_of(granularity: Granularity, layers: torch.Tensor) -> list[torch.Tensor]:
    """Every head; of other units one in each layer, and some of each layer together; in no order of layers."""
    if isinstance(granularity, Head):
        return [torch.tensor([unit]) for unit in range(len(layers))][::-1]
    ones = []
    for layer in range(int(layers[-1]) + 1):
        units = (layers == layer).nonzero().flatten()
        ones += [units[3:4], units[::2]]
    return ones


@pytest.mark.parametrize("family", STRUCTURES)
@pytest.mark.parametrize("granularity", [Head(), Neuron(), Unstructured()], ids=lambda g: g.name)
def test_every_removal_is_that_of_the_whole_model(family: str, granularity: Granularity) -> None:
    model = tiny_model(family)
    prepared = prepare(model, SENTENCES, token_budget=64)
    assert len(prepared.batches) > 1
    layers = granularity.layers(model)
    groups = groups_of(granularity, layers)
    state = State.of(model)
    found = dict(removals(model, prepared, granularity, groups))
    assert not state.changes(model)
    assert sorted(found) == list(range(len(groups)))
    dense = encode(model, prepared)
    for place, units in enumerate(groups):
        mask = torch.ones(len(layers), dtype=torch.bool)
        mask[units] = False
        with masked(model, granularity.keep(model, mask)):
            expected = encode(model, prepared)
        assert torch.equal(found[place], expected)
        assert not torch.equal(expected, dense)


def test_removals_come_on_top_of_the_mask_in_force() -> None:
    model, head = tiny_model("bert"), Head()
    prepared = prepare(model, SENTENCES)
    first, last = torch.ones(8, dtype=torch.bool), torch.ones(8, dtype=torch.bool)
    first[[0, 5]] = False
    last[[0, 5, 6]] = False
    with masked(model, head.keep(model, first)):
        ((_, found),) = removals(model, prepared, head, [torch.tensor([6])])
    with masked(model, head.keep(model, last)):
        assert torch.equal(found, encode(model, prepared))


def test_the_model_is_given_back_also_when_nobody_waits_for_the_rest() -> None:
    model, weights = tiny_model("bert"), Unstructured()
    state = State.of(model)
    with closing(removals(model, prepare(model, SENTENCES), weights, [torch.tensor([i]) for i in range(8)])) as found:
        next(found)
        next(found)
        assert state.changes(model)
    assert not state.changes(model)


@pytest.mark.parametrize("units", [[0, 7], []])
def test_a_group_is_of_one_layer(units: list[int]) -> None:
    model = tiny_model("bert")
    groups = [torch.tensor(units, dtype=torch.int64)]
    with pytest.raises(ValueError, match=f"group 0 has units of {len(units)} layers, not of one"):
        next(removals(model, prepare(model, SENTENCES), Head(), groups))


@pytest.mark.parametrize("granularity", [Head(), Neuron()], ids=lambda g: g.name)
@pytest.mark.parametrize("family", ["bert", "distilbert", "mpnet"])
def test_groups_share_a_pass_within_the_token_budget(family: str, granularity: Granularity) -> None:
    model = tiny_model(family)
    ids = model.tokenize(SENTENCES)
    tokens = len(ids) * max(map(len, ids))
    layers = granularity.layers(model)
    groups = [torch.tensor([unit]) for layer in (0, 1) for unit in (layers == layer).nonzero().flatten()[:4].tolist()]
    found, passes = {}, {}
    for together in (1, 3, 100):
        prepared = prepare(model, SENTENCES, token_budget=together * tokens)
        (_,) = prepared.batches
        ran: list[int] = []
        top = model.backbone.get_submodule(model.architecture.layers[-1].ffn_out)
        handle = top.register_forward_hook(lambda _, given, __, ran=ran: ran.append(len(given[0])))
        try:
            found[together] = dict(removals(model, prepared, granularity, groups))
        finally:
            handle.remove()
        # What ends in the last layer itself, to record what its module is given, does not get as far as the hook.
        passes[together] = [rows // len(SENTENCES) for rows in ran]
    assert passes == {1: [1] * 8, 3: [3, 1, 3, 1], 100: [4, 4]}
    for index, alone in found[1].items():
        for together in (3, 100):
            torch.testing.assert_close(found[together][index], alone, atol=2e-6, rtol=0)


def test_columns_of_another_module_are_removed_by_mask() -> None:
    class Width(Neuron):
        """The inputs of the first feed-forward matrix."""

        name = "width"

        def carrier(self, layer: Layer) -> str:
            return layer.ffn_in[0].name

        def count(self, model: Model, layer: Layer) -> int:
            return model.weight(layer.ffn_in[0].name).shape[1]

        def producers(self, _: Layer) -> tuple[Rows, ...]:
            return ()

    model, width = tiny_model(), Width()
    prepared = prepare(model, SENTENCES)
    units = len(width.layers(model))
    mask = torch.ones(units, dtype=torch.bool)
    mask[-1] = False
    ((_, found),) = removals(model, prepared, width, [torch.tensor([units - 1])])
    with masked(model, width.keep(model, mask)):
        assert torch.equal(found, encode(model, prepared))
