from __future__ import annotations

import pytest
import torch
from ablate_wanda import Wanda

from ablate.engine.score import view_of
from ablate.plugin_api import Granularity, Head, InputNorm, Neuron, Unstructured
from ablate.testing import check_scorer, collect, sample_calibration, tiny_model


@pytest.mark.parametrize("sentences", [None, 3])
def test_keeps_the_contract(sentences: int | None) -> None:
    check_scorer(Wanda, sentences=sentences)


def contributions(granularity: Granularity) -> torch.Tensor:
    """Of a model with all weights -2, whose linears' inputs have the norms 0, 1, 2, …"""
    model, wanda = tiny_model(layers=1, heads=2, width=4, neurons=6), Wanda()
    for name in granularity.carriers(model):
        model.weight(name).data.fill_(-2)
    collected = collect(model, sample_calibration(), [(granularity, InputNorm())])
    for norm in collected.norms[InputNorm()].values():
        norm.copy_(torch.arange(len(norm)))
    layers = granularity.layers(model)
    return wanda.score(view_of(model, sample_calibration(), wanda, granularity, layers, collected, 0))


def test_of_a_weight_it_is_magnitude_times_input_norm() -> None:
    found = contributions(Unstructured())
    query, ffn_out = found[:16].view(4, 4), found[-24:].view(4, 6)
    assert torch.equal(query, torch.tensor([0.0, 2, 4, 6]).expand(4, 4))
    assert torch.equal(ffn_out, torch.tensor([0.0, 2, 4, 6, 8, 10]).expand(4, 6))


def test_of_a_unit_it_is_the_sum_over_the_weights_that_carry_its_output() -> None:
    # A head has two of the four input columns of the output projection, each of four weights.
    assert contributions(Head()).tolist() == [4 * (0 + 2), 4 * (4 + 6)]
    assert contributions(Neuron()).tolist() == [0, 8, 16, 24, 32, 40]


def test_looks_at_as_many_sentences_as_it_is_told() -> None:
    assert Wanda(sentences=5).statistics() == (InputNorm(5),)
