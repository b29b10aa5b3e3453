from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from ablate_rearranged import FisherRearranged, _contributions, ablate_register_scorers, rearranged
from ablate_taylor import Fisher
from test_taylor import slopes
from torch import Tensor

from ablate.engine.select import select
from ablate.plugin_api import Calibration, Granularity, Head, Model, Neuron, PluginError, Scorer, Unstructured
from ablate.testing import check_scorer, contributions, sample_calibration, tiny_model
from ablate.testing.scored import watched_views


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"temperature": 0.2, "batch_size": 4},
        {"batch_size": 3},
        {"loss": "correlation", "pairs": 6, "batch_size": 3},
    ],
    ids=str,
)
def test_keeps_the_contract(parameters: dict[str, Any]) -> None:
    check_scorer(FisherRearranged, **parameters)


@pytest.mark.parametrize("granularity", [Head(), Neuron()], ids=lambda g: g.name)
def test_gradients_and_blocks_are_those_of_finite_differences(granularity: Head | Neuron) -> None:
    model, calibration = tiny_model(neurons=8), sample_calibration(pairs=12, batch_size=4)
    model.network.double()
    found = FisherRearranged(batch_size=4).gradients(model, calibration, granularity)
    # A slope is how much the loss rises as the unit shrinks, minus the gradient.
    truth = -torch.stack([slopes(model, calibration, granularity, unit, 4) for unit in range(found.shape[1])], 1)
    assert found.shape == (3, len(granularity.layers(model)))
    assert torch.allclose(found, truth, rtol=1e-3, atol=1e-6)
    assert torch.allclose(found.T @ found / 3, truth.T @ truth / 3, rtol=1e-2, atol=1e-6)


def form(fisher: Tensor, removed: Tensor) -> float:
    return float(removed.double() @ fisher @ removed.double())


def lowest(diagonal: Tensor, count: int) -> Tensor:
    removed = torch.zeros(len(diagonal), dtype=torch.bool)
    removed[diagonal.argsort()[:count]] = True
    return removed


def visited_once(gradients: Tensor, count: int) -> Tensor:
    """The paper's rearrangement: each unit that stays joins those that go, and the one that is missed least returns."""
    order = gradients.square().sum(0).argsort().tolist()
    going = order[:count]
    for unit in order[count:]:
        going.append(unit)
        cost = [float(gradients[:, [u for u in going if u != back]].sum(1).square().sum()) for back in going]
        going.pop(int(np.argmin(cost)))
    return torch.isin(torch.arange(gradients.shape[1]), torch.tensor(going))


def test_rearrangement_ends_where_no_single_exchange_lowers_the_form() -> None:
    generator = torch.Generator().manual_seed(0)
    optimal = exchanged = 0
    for _ in range(200):
        # Fewer batches than units, as in practice: many units are nearly combinations of others.
        gradients = torch.randn(5, 9, generator=generator, dtype=torch.float64)
        fisher = gradients.T @ gradients
        start = lowest(fisher.diagonal(), 4)
        found = rearranged(fisher, start)
        assert int(found.sum()) == 4
        assert form(fisher, found) <= min(form(fisher, start), form(fisher, visited_once(gradients, 4))) + 1e-9
        for back, unit in [(b, u) for b in found.nonzero().flatten() for u in (~found).nonzero().flatten()]:
            other = found.clone()
            other[back], other[unit] = False, True
            assert form(fisher, other) >= form(fisher, found) - 1e-6
        best = min(
            form(fisher, torch.isin(torch.arange(9), torch.tensor(units))) for units in combinations(range(9), 4)
        )
        assert form(fisher, found) >= best - 1e-9
        optimal += form(fisher, found) <= best + 1e-9
        exchanged += not torch.equal(found, start)
    assert exchanged > 150
    assert optimal > 100


def test_units_that_compensate_go_together() -> None:
    gradients = torch.tensor([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.9, 0.95]], dtype=torch.float64)
    fisher = gradients.T @ gradients
    start = lowest(fisher.diagonal(), 2)
    assert start.tolist() == [False, False, True, True]
    assert form(fisher, start) == pytest.approx(1.85**2)
    found = rearranged(fisher, start)
    assert found.tolist() == [True, True, False, False]
    assert form(fisher, found) == 0


@pytest.mark.parametrize("count", [0, 3, 7, 12])
def test_nothing_is_exchanged_if_no_units_interact(count: int) -> None:
    diagonal = torch.rand(12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    start = lowest(diagonal, count)
    assert torch.equal(rearranged(diagonal.diag(), start), start)


def scored(
    scorer: Scorer, model: Model, granularity: Granularity, calibration: Calibration, remove: int | None
) -> Tensor:
    with watched_views(scorer, model, {granularity: None}, calibration) as views:
        return scorer.score(replace(views[granularity], remove=remove))


@pytest.mark.parametrize("loss", ["infonce", "correlation"])
@pytest.mark.parametrize("granularity", [Head(), Neuron()], ids=lambda g: g.name)
def test_without_exchanges_it_is_fisher(granularity: Head | Neuron, loss: str) -> None:
    for dropout in (False, True):
        model, calibration = tiny_model(), sample_calibration(pairs=16, dropout=dropout)
        fisher = contributions(Fisher(loss=loss), model, granularity, calibration)
        for remove in (None, 0, len(fisher)):
            found = scored(FisherRearranged(loss=loss), model, granularity, calibration, remove)
            assert torch.allclose(found, fisher, rtol=1e-4, atol=1e-9)


def test_the_lowest_are_the_mask_and_all_others_are_in_the_order_of_fisher() -> None:
    model, calibration, neuron = tiny_model(neurons=24), sample_calibration(pairs=48), Neuron()
    scorer = FisherRearranged(batch_size=8)
    layers = neuron.layers(model)
    gradients = scorer.gradients(model, calibration, neuron)
    fisher = gradients.square().mean(0)
    for remove in (6, 12, 24):
        start = lowest(fisher, remove)
        expected = torch.cat(
            [
                rearranged(gradients[:, layers == layer].T @ gradients[:, layers == layer], start[layers == layer])
                for layer in (0, 1)
            ]
        )
        assert not torch.equal(expected, start), "the test is to have exchanges"
        found = scored(scorer, model, neuron, calibration, remove)
        mask = select(found.numpy(), layers.numpy(), remove, min_keep=neuron.min_keep)
        assert torch.equal(torch.from_numpy(~mask), expected)
        for part in (expected, ~expected):
            assert torch.equal(found[part].argsort(stable=True), fisher[part].argsort(stable=True))


def test_units_that_went_before_count_for_nothing() -> None:
    model, calibration, head = tiny_model(), sample_calibration(), Head()
    kept = torch.tensor([True, False, True, True, True, True, False, True])
    # A quarter of the eight heads, out of those that are left.
    found = contributions(FisherRearranged(batch_size=4), model, head, calibration, kept=kept)
    assert found[~kept].tolist() == [0, 0]
    assert (found[kept] > 0).all()
    mask = select(found.numpy(), head.layers(model).numpy(), 4, min_keep=1, kept=kept.numpy())
    assert int((~mask).sum()) == 4


@pytest.mark.parametrize("remove", range(1, 8))
def test_copies_tie_whatever_the_mask_keeps_of_them(remove: int) -> None:
    generator = torch.Generator().manual_seed(remove)
    layers = torch.zeros(8, dtype=torch.int64)
    for _ in range(50):
        gradients = torch.randn(4, 8, generator=generator, dtype=torch.float64)
        gradients[:, 5] = gradients[:, 2]
        fisher = gradients.T @ gradients
        mask = rearranged(fisher, lowest(fisher.diagonal(), remove))
        found = _contributions(gradients, layers, remove)
        assert found[2] == found[5]
        for seed in range(3):
            gone = torch.from_numpy(~select(found.numpy(), layers.numpy(), remove, tie_seed=seed))
            # Which of the two goes is all that a seed may change.
            assert form(fisher, gone) == pytest.approx(form(fisher, mask), abs=1e-9)
            assert torch.equal(gone[[0, 1, 3, 4, 6, 7]], mask[[0, 1, 3, 4, 6, 7]])


def test_units_without_any_effect_are_the_first_to_go() -> None:
    gradients = torch.tensor([[1.0, 0.0, 2.0, 0.0, -1.5, 0.5]], dtype=torch.float64)
    layers = torch.tensor([0, 0, 0, 1, 1, 1])
    found = _contributions(gradients, layers, 1)
    assert found.tolist() == pytest.approx([0.5, 0, 2, 0, 1.125, 0.125])


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0},
        {"temperature": 0.05, "loss": "correlation"},
        {"batch_size": 2},
        {"pairs": 2},
        {"loss": "align"},
    ],
)
def test_refuses_what_makes_no_loss(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        FisherRearranged.model_validate(fields)


def test_is_for_units_with_a_mask_variable() -> None:
    with pytest.raises(PluginError, match="is for head and neuron, not 'unstructured'; use fisher there"):
        FisherRearranged().supports(Unstructured())


def test_a_loss_that_is_not_finite_is_refused() -> None:
    model = tiny_model()
    model.weight(Head().carriers(model)[0]).data.fill_(float("nan"))
    with pytest.raises(PluginError, match=r"loss 'infonce-0\.05' is nan on a calibration batch"):
        FisherRearranged(batch_size=4).gradients(model, sample_calibration(), Head())


def test_looks_only_at_what_its_loss_is_over() -> None:
    assert FisherRearranged().examples == ("pairs",)
    assert FisherRearranged(loss="correlation").examples == ("graded",)
    assert FisherRearranged().targeted
    assert not FisherRearranged().signed


def test_registers() -> None:
    found: list[type[Scorer]] = []
    ablate_register_scorers(found.append)
    assert [scorer.name for scorer in found] == ["fisher-rearranged"]
