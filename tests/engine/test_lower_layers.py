"""Layers below the first changed one are computed once, and the embeddings stay the same bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from ablate.engine import lower_layers
from ablate.engine.evaluator import Evaluator
from ablate.engine.lower_layers import LowerLayers, differences, unchanged_layers
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.models.encode import encode, prepare
from ablate.models.masked import masked, merge
from ablate.models.model import Model
from ablate.models.precision import in_precision
from ablate.models.spec import Precision
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.samples import sample_calibration, sample_tasks
from ablate.testing.state import State
from ablate.testing.tiny import tiny_model

SENTENCES = list(sample_calibration().sentences)
LAYERS = 4
HEADS = 4
"""In each layer."""


def without(model: Model, *heads: int) -> dict[str, Tensor]:
    mask = torch.ones(LAYERS * HEADS, dtype=torch.bool)
    mask[list(heads)] = False
    return Head().keep(model, mask)


def first_in(layer: int) -> int:
    return layer * HEADS


@contextmanager
def counted(model: Model) -> Iterator[list[int]]:
    """The numbers of the layers that run, one entry for each batch."""
    ran: list[int] = []

    def count(number: int) -> object:
        def hook(_: nn.Module, __: object) -> None:
            ran.append(number)

        return hook

    paths = [layer.path for layer in model.architecture.layers]
    modules = [model.backbone.get_submodule(path) for path in paths]
    handles = [module.register_forward_pre_hook(count(n)) for n, module in enumerate(modules)]  # type: ignore[arg-type]
    try:
        yield ran
    finally:
        for handle in handles:
            handle.remove()


def by_mask(model: Model, keep: dict[str, Tensor]) -> Tensor:
    with masked(model, keep):
        return encode(model, prepare(model, SENTENCES, token_budget=64))


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("family", STRUCTURES)
def test_embeddings_are_those_of_the_whole_model(family: str, precision: Precision) -> None:
    model = tiny_model(family, layers=LAYERS)
    state = State.of(model)
    prepared = prepare(model, SENTENCES, token_budget=64)
    assert len(prepared.batches) > 1
    lower = LowerLayers(model, prepared, precision)
    neurons = torch.arange(len(Neuron().layers(model))) < len(Neuron().layers(model)) - 5
    keeps = [
        without(model, first_in(2)),
        without(model, first_in(1), first_in(3)),
        {},
        without(model, first_in(0)),
        Neuron().keep(model, neurons),
        without(model, first_in(3) + 1),
        merge([without(model, first_in(2) + 1), Neuron().keep(model, neurons)]),
    ]
    with in_precision(model, precision):
        for keep in keeps * 2:
            assert torch.equal(lower.encode(keep), by_mask(model, keep))
    assert state.changes(model) == []


def test_a_layer_runs_again_only_if_it_or_one_below_is_changed() -> None:
    model = tiny_model(layers=LAYERS)
    prepared = prepare(model, SENTENCES)
    (_,) = prepared.batches
    lower = LowerLayers(model, prepared, "float32")
    runs = {
        "dense": ({}, [0, 1, 2, 3]),
        "layer 2": (without(model, first_in(2)), [0, 1, 2, 3]),
        "layer 2, another head": (without(model, first_in(2) + 1), [2, 3]),
        "layer 3 begins where layer 2 did": (without(model, first_in(3)), [2, 3]),
        "layer 3 again": (without(model, first_in(3) + 1), [3]),
        "layer 1 is below what is known": (without(model, first_in(1)), [0, 1, 2, 3]),
        "layers 1 and 3": (without(model, first_in(1), first_in(3)), [1, 2, 3]),
        "layer 0": (without(model, 0), [0, 1, 2, 3]),
    }
    for name, (keep, expected) in runs.items():
        with counted(model) as ran:
            lower.encode(keep)
        assert ran == expected, name


def test_what_was_used_longest_ago_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(layers=LAYERS)
    prepared = prepare(model, SENTENCES)
    one = prepared.tokens * 4 * model.weight(model.architecture.layers[0].ffn_out).shape[0]

    def layers_run(room: int, *layers: int) -> list[int]:
        monkeypatch.setattr(lower_layers, "room_to_record", lambda _: room)
        lower = LowerLayers(model, prepared, "float32")
        with counted(model) as ran:
            counts = []
            for layer in layers:
                keep = without(model, first_in(layer))
                assert torch.equal(lower.encode(keep), by_mask_of(model, prepared, keep, ran))
                counts.append(len(ran))
                ran.clear()
        return counts

    assert layers_run(one - 1, 2, 2, 3) == [4, 4, 4], "no room"
    assert layers_run(one, 2, 2, 3, 3, 2) == [4, 2, 2, 1, 4], "room for one"
    assert layers_run(2 * one, 2, 3, 2, 1, 3, 2) == [4, 2, 2, 4, 2, 2], "1 displaces 3, which was used before 2"


def by_mask_of(model: Model, prepared: object, keep: dict[str, Tensor], ran: list[int]) -> Tensor:
    """The embeddings by the mask alone, without counting."""
    before = list(ran)
    with masked(model, keep):
        expected = encode(model, prepared)  # type: ignore[arg-type]
    ran[:] = before
    return expected


def test_halved_batches_make_what_is_known_useless() -> None:
    model = tiny_model(layers=LAYERS)
    prepared = prepare(model, SENTENCES)
    lower = LowerLayers(model, prepared, "float32")
    keep = without(model, first_in(2))
    lower.encode(keep)
    assert prepared.halve(model)
    expected = by_mask_of(model, prepared, keep, [])
    for layers in (LAYERS, LAYERS - 2):
        with counted(model) as ran:
            assert torch.equal(lower.encode(keep), expected)
        assert len(ran) == layers * len(prepared.batches)


@pytest.mark.parametrize("full_in", ["first", "second"])
def test_a_full_memory_costs_the_recorded_outputs_and_no_cell(full_in: str) -> None:
    model = tiny_model(layers=LAYERS)
    prepared = prepare(model, SENTENCES)
    lower = LowerLayers(model, prepared, "float32")
    keep = without(model, first_in(2))
    if full_in == "second":
        lower.encode(keep)
    full = [True]

    def fail_once(*_: object) -> None:
        if full:
            full.clear()
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    handle = model.backbone.get_submodule(model.architecture.layers[-1].path).register_forward_pre_hook(fail_once)
    try:
        found = lower.encode(keep)
    finally:
        handle.remove()
    assert not full
    torch.testing.assert_close(found, by_mask_of(model, prepared, keep, []), atol=1e-6, rtol=0)
    assert torch.equal(lower.encode(keep), by_mask_of(model, prepared, keep, []))


def test_an_embedding_is_below_all_layers() -> None:
    model = tiny_model(layers=LAYERS)
    name = next(name for name, _ in model.backbone.named_parameters() if "word_embeddings" in name)
    keep = {name: torch.rand(model.backbone.get_parameter(name).shape) > 0.5}
    assert unchanged_layers(model, keep) == unchanged_layers(model, {**keep, **without(model, first_in(3))}) == 0
    assert unchanged_layers(model, {}) == LAYERS
    prepared = prepare(model, SENTENCES)
    lower = LowerLayers(model, prepared, "float32")
    assert torch.equal(lower.encode(keep), by_mask_of(model, prepared, keep, []))


def test_an_evaluator_replays_for_the_same_sentences_and_precision_alone() -> None:
    model = tiny_model(layers=LAYERS)
    tasks = sample_tasks(("sts-dev",))["sts-dev"]
    evaluator, keep = Evaluator(model), without(model, first_in(3))
    other = {name: parameter.detach() * 1.5 for name, parameter in model.backbone.named_parameters()}
    runs = [
        ("float32", None, LAYERS),
        ("float32", None, 1),
        ("bf16", None, LAYERS),
        ("bf16", None, 1),
        ("bf16", other, LAYERS),
        ("bf16", other, LAYERS),
        ("bf16", None, 1),
        ("float32", None, LAYERS),
    ]
    precision: Precision
    for precision, weights, layers in runs:  # type: ignore[assignment]
        with counted(model) as ran:
            found = evaluator.embed(keep, tasks, precision, weights)
        assert len(ran) == layers, (precision, weights is None)
        assert torch.equal(found.embeddings, Evaluator(model).embed(keep, tasks, precision, weights).embeddings)


# The layers of ALBERT share their weights, so none of them is below another.
@pytest.mark.parametrize("family", [family for family in STRUCTURES if family != "albert"])
def test_layers_that_are_like_those_of_the_base_are_computed_once(family: str) -> None:
    """Masks that differ from a base in some layers, though the base itself removes heads of every layer."""
    model = tiny_model(family, layers=LAYERS)
    state = State.of(model)
    base = without(model, *map(first_in, range(LAYERS)))
    # One head of a layer comes back in place of its neighbor.
    swapped = {
        layer: without(model, first_in(layer) + 1, *(first_in(other) for other in range(LAYERS) if other != layer))
        for layer in range(LAYERS)
    }
    prepared = prepare(model, SENTENCES, token_budget=64)
    lower = LowerLayers(model, prepared, "float32", base=base)
    batches = len(prepared.batches)
    assert batches > 1
    # The layers that run: all for those first seen up to a layer, and then those from the last known output on.
    for layer, first in ((2, 0), (2, 2), (3, 2), (1, 0), (0, 0), (3, 3)):
        with counted(model) as ran:
            embeddings = lower.encode(swapped[layer])
        assert sorted(ran) == sorted(batches * [*range(first, LAYERS)])
        assert torch.equal(embeddings, by_mask(model, swapped[layer]))
    assert torch.equal(lower.encode(base), by_mask(model, base))
    assert state.changes(model) == []


def test_differences_are_what_only_one_of_two_removes() -> None:
    model = tiny_model(layers=LAYERS)
    one, other = without(model, first_in(1)), without(model, first_in(1), first_in(2))
    assert not differences(one, one)
    assert differences(one, other) == differences(other, one) == other.keys() - one.keys()
    assert not differences({}, {name: torch.ones_like(kept) for name, kept in one.items()})
