from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from ablate_layers import Block, Blocks, EncoderLayer
from torch import Tensor, nn
from torch.nn.functional import normalize

from ablate.models.masked import removed_parameters
from ablate.plugin_api import ALIGN, Granularity, Head, Model, Neuron, masked
from ablate.scorers.align import Align
from ablate.scorers.magnitude import Magnitude
from ablate.scorers.oracle import Oracle
from ablate.testing import (
    FAMILIES,
    check_granularity,
    check_scorer,
    contributions,
    same_bits,
    sample_calibration,
    sample_sentences,
    tiny_model,
)

ALL = (*FAMILIES, "roberta", "xlm-roberta")
BOTH = (EncoderLayer(), Block())


@pytest.mark.parametrize("granularity", [EncoderLayer, Block])
def test_keeps_the_contract(granularity: type[Blocks]) -> None:
    check_granularity(granularity, ALL)


@pytest.mark.parametrize("scorer", [Align, Magnitude])
def test_scorers_take_it(scorer: type[Align]) -> None:
    check_scorer(scorer, ("bert",), BOTH)


def embeddings(model: Model) -> Tensor:
    with torch.no_grad():
        return model.embed(model.pad(model.tokenize(list(sample_sentences(6)))))


@contextmanager
def without(model: Model, *projections: str) -> Iterator[None]:
    """The model whose output projections of these names add their bias and nothing else, whatever goes in."""

    def bias_alone(module: nn.Module, _: object, output: Tensor) -> Tensor:
        assert isinstance(module.bias, Tensor)
        return module.bias.expand_as(output)

    handles = [model.backbone.get_submodule(name).register_forward_hook(bias_alone) for name in projections]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def removed(model: Model, granularity: Granularity, *units: int) -> Tensor:
    mask = torch.ones(len(granularity.layers(model)), dtype=torch.bool)
    mask[list(units)] = False
    with masked(model, granularity.keep(model, mask)):
        return embeddings(model)


@pytest.mark.parametrize("family", ALL)
def test_removing_a_block_is_running_without_it(family: str) -> None:
    model = tiny_model(family)
    for number, layer in enumerate(model.architecture.layers):
        projections = layer.attention_output, layer.ffn_out
        for unit, projection in enumerate(projections):
            with without(model, projection):
                expected = embeddings(model)
            assert torch.allclose(removed(model, Block(), 2 * number + unit), expected, atol=1e-6)
        with without(model, *projections):
            expected = embeddings(model)
        assert torch.allclose(removed(model, EncoderLayer(), number), expected, atol=1e-6)
        assert same_bits(removed(model, EncoderLayer(), number), removed(model, Block(), 2 * number, 2 * number + 1))


def test_all_heads_are_the_attention_block_and_all_neurons_the_ffn_block() -> None:
    model = tiny_model()
    assert same_bits(removed(model, Block(), 2), removed(model, Head(), *range(4, 8)))
    assert same_bits(removed(model, Block(), 1), removed(model, Neuron(), *range(64)))


def test_nothing_of_a_removed_block_reaches_the_output() -> None:
    model = tiny_model()
    expected = removed(model, EncoderLayer(), 1)
    layer = model.architecture.layers[1]
    for name in (rows.name for rows in layer.query + layer.key_value + layer.ffn_in):
        module = model.backbone.get_submodule(name)
        for parameter in module.parameters():
            parameter.data.fill_(3.0)
    assert same_bits(removed(model, EncoderLayer(), 1), expected)


def test_units_and_sums_by_hand() -> None:
    model = tiny_model(layers=3, width=4, heads=2, neurons=6)
    assert EncoderLayer().layers(model).tolist() == [0, 1, 2]
    assert Block().layers(model).tolist() == [0, 0, 1, 1, 2, 2]

    def ones(granularity: Granularity) -> list[float]:
        carriers = granularity.carriers(model)
        values = {name: torch.full(model.weight(name).shape, 1.0 + i) for i, name in enumerate(carriers)}
        found: list[float] = granularity.reduce(model, values).tolist()
        return found

    # An attention output has 4 × 4 weights, a second FFN matrix 4 × 6.
    assert ones(Block()) == [16, 2 * 24, 3 * 16, 4 * 24, 5 * 16, 6 * 24]
    assert ones(EncoderLayer()) == [16 + 2 * 24, 3 * 16 + 4 * 24, 5 * 16 + 6 * 24]


@pytest.mark.parametrize(
    ("granularity", "unit", "expected"),
    [
        # query, key, value with biases and the output projection; first FFN matrix with bias and the second; both.
        (Block(), 0, 3 * (4 * 4 + 4) + 4 * 4),
        (Block(), 1, (6 * 4 + 6) + 4 * 6),
        (EncoderLayer(), 0, 3 * (4 * 4 + 4) + 4 * 4 + (6 * 4 + 6) + 4 * 6),
    ],
    ids=str,
)
def test_the_parameters_that_go(granularity: Granularity, unit: int, expected: int) -> None:
    model = tiny_model(layers=2, width=4, heads=2, neurons=6)
    mask = torch.ones(len(granularity.layers(model)), dtype=torch.bool)
    mask[unit] = False
    keep = granularity.keep(model, mask)
    assert removed_parameters(keep) == expected
    assert not any(name.endswith(("attention.output.dense.bias", "layer.0.output.dense.bias")) for name in keep)


def test_registers_both() -> None:
    from ablate_layers import ablate_register_granularities

    found: list[type[Granularity]] = []
    register: Callable[[type[Granularity]], None] = found.append
    ablate_register_granularities(register)
    assert [granularity.name for granularity in found] == ["layer", "block"]


@pytest.mark.parametrize("granularity", BOTH, ids=lambda g: g.name)
def test_the_oracle_removes_blocks_and_layers_exactly(granularity: Blocks) -> None:
    model, calibration, oracle = tiny_model("bert"), sample_calibration(), Oracle(on="align")
    layers = granularity.layers(model)
    found = contributions(oracle, model, granularity, calibration)

    def loss() -> float:
        with torch.no_grad():
            batches = list(calibration.batches("pairs"))
            inputs = [model.pad(model.tokenize(list(batch.sentences))) for batch in batches]
            return sum(float(ALIGN.of(normalize(model.embed(one), dim=1))) for one in inputs) / len(batches)

    dense = loss()
    for unit in range(len(layers)):
        with masked(model, granularity.keep(model, torch.arange(len(layers)) != unit)):
            assert float(found[unit]) == pytest.approx(loss() - dense, abs=1e-5)


def test_the_oracle_keeps_its_contract_at_them() -> None:
    check_scorer(Oracle, ("bert", "mpnet"), BOTH)
