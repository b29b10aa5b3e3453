from __future__ import annotations

from typing import Any

import pytest
import torch
from ablate_taylor import Fisher, Taylor, ablate_register_scorers
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from ablate.engine.passes import passes_of
from ablate.plugin_api import Calibration, Granularity, Head, Model, Neuron, Scorer, Unstructured, contrastive, masked
from ablate.scorers.correlation import Correlation
from ablate.testing import check_scorer, contributions, sample_calibration, tiny_model

EPSILON = 1e-3


@pytest.mark.parametrize("sign", ["signed", "absolute"])
def test_taylor_keeps_the_contract(sign: str) -> None:
    check_scorer(Taylor, sign=sign, temperature=0.1, batch_size=4)


def test_taylor_keeps_the_contract_with_second_order() -> None:
    check_scorer(Taylor, sign="signed", second_order=0.25)


def test_fisher_keeps_the_contract() -> None:
    check_scorer(Fisher, batch_size=4)


@pytest.mark.parametrize("scorer", [Taylor, Fisher])
def test_both_keep_it_with_the_correlation(scorer: type[Scorer]) -> None:
    check_scorer(scorer, loss="correlation", batch_size=4)


def batch_losses(model: Model, calibration: Calibration, temperature: float, batch_size: int) -> Tensor:
    """float [batches], from the definition: not the code under test."""
    losses = []
    with torch.no_grad():
        for batch in calibration.batches("pairs", None, batch_size):
            x, y = normalize(model.embed(model.pad(model.tokenize(list(batch.sentences)))), dim=1).chunk(2)
            odds = (x @ y.T / temperature).exp()
            losses.append(-(odds.diagonal() / odds.sum(1)).log().mean())
    return torch.stack(losses)


def slopes(model: Model, calibration: Calibration, granularity: Granularity, unit: int, size: int) -> Tensor:
    """float [batches]: the loss's rise as a unit's output shrinks, by central differences in float64."""
    mask = torch.arange(len(granularity.layers(model))) != unit
    gone = {name: ~kept for name, kept in granularity.keep(model, mask).items()}
    carriers = [(f"{name}.weight", model.weight(name)) for name in granularity.carriers(model)]
    found = []
    for factor in (1 - EPSILON, 1 + EPSILON):
        before = {name: weight.data for name, weight in carriers if name in gone}
        for name, weight in carriers:
            if name in gone:
                weight.data = weight.data.where(~gone[name], factor * weight.data)
        found.append(batch_losses(model, calibration, 0.05, size))
        for name, weight in carriers:
            if name in gone:
                weight.data = before[name]
    return (found[0] - found[1]) / (2 * EPSILON)


@pytest.mark.parametrize("granularity", [Head(), Neuron(), Unstructured()], ids=lambda g: g.name)
def test_contributions_are_the_finite_differences_of_the_loss(granularity: Granularity) -> None:
    model, calibration = tiny_model(neurons=16), sample_calibration(pairs=12, batch_size=4)
    model.backbone.double()
    taylor = contributions(Taylor(sign="signed"), model, granularity, calibration)
    absolute = contributions(Taylor(), model, granularity, calibration)
    fisher = contributions(Fisher(batch_size=4), model, granularity, calibration)
    units = len(taylor)
    for unit in range(0, units, max(1, units // 8)):
        truth = slopes(model, calibration, granularity, unit, 4)
        assert float(taylor[unit]) == pytest.approx(truth.mean().item(), rel=1e-3, abs=1e-6)
        assert float(absolute[unit]) == pytest.approx(truth.abs().mean().item(), rel=1e-3, abs=1e-6)
        assert float(fisher[unit]) == pytest.approx(truth.square().mean().item() / 2, rel=1e-3, abs=1e-6)


def test_contribution_to_a_tasks_correlation() -> None:
    """The sum of products over batches, from the definition of r: not the code under test."""
    model, calibration, head = tiny_model(), sample_calibration(pairs=12, batch_size=4), Head()
    carriers = [model.weight(name).requires_grad_(True) for name in head.carriers(model)]
    slopes = []
    for batch in calibration.batches("graded", None, 4):
        x, y = model.embed(model.pad(model.tokenize(list(batch.sentences)))).chunk(2)
        r = torch.corrcoef(torch.stack([cosine_similarity(x, y), batch.gold]))[0, 1]
        gradients = torch.autograd.grad(1 - r, carriers)
        products = {n: -w.detach() * g for n, w, g in zip(head.carriers(model), carriers, gradients, strict=True)}
        slopes.append(head.reduce(model, products))
    for weight in carriers:
        weight.requires_grad_(False)
    by_batch = torch.stack(slopes)
    taylor = contributions(Taylor(loss="correlation", sign="signed", batch_size=4), model, head, calibration)
    fisher = contributions(Fisher(loss="correlation", batch_size=4), model, head, calibration)
    assert torch.allclose(taylor, by_batch.mean(0), rtol=1e-4, atol=1e-7)
    assert torch.allclose(fisher, by_batch.square().mean(0) / 2, rtol=1e-4, atol=1e-9)
    for sign in ("signed", "absolute"):
        ours = contributions(Correlation(sign=sign, batch_size=4), model, head, calibration)
        theirs = contributions(Taylor(loss="correlation", sign=sign, batch_size=4), model, head, calibration)
        assert torch.equal(ours, theirs), "ablate's own scorer of that loss"


def test_both_share_a_pass_over_the_calibration_set() -> None:
    scorers = (Taylor(batch_size=8), Fisher(), Taylor(sign="signed", batch_size=8))
    requests = [(g, s) for g in (Head(), Unstructured()) for scorer in scorers for s in scorer.statistics()]
    assert len(passes_of(requests, sample_calibration())) == 1
    assert not any(scorer.slow for scorer in scorers)


def test_fisher_of_a_weight_is_half_its_square_times_the_mean_squared_gradient() -> None:
    model, calibration, granularity = tiny_model(layers=1, neurons=8), sample_calibration(batch_size=4), Unstructured()
    found = contributions(Fisher(batch_size=4), model, granularity, calibration)
    weight = model.weight(granularity.carriers(model)[0]).requires_grad_(True)
    squares = []
    for batch in calibration.batches("pairs", None, 4):
        x, y = normalize(model.embed(model.pad(model.tokenize(list(batch.sentences)))), dim=1).chunk(2)
        (gradient,) = torch.autograd.grad(contrastive(0.05).value(x, y), weight)
        squares.append(gradient.square())
    expected = weight.detach().square() * torch.stack(squares).mean(0) / 2
    assert torch.allclose(found[: weight.numel()].view_as(weight), expected, rtol=1e-4, atol=1e-9)


def test_taylor_ranks_heads_as_exact_removal_does() -> None:
    """Heads of small effect, as those of a trained model have: of large ones no slope tells the whole way."""
    model, calibration, head = tiny_model(layers=4), sample_calibration(pairs=24, batch_size=8), Head()
    for name in head.carriers(model):
        model.weight(name).data.mul_(0.1)
    found = contributions(Taylor(sign="signed"), model, head, calibration)
    dense = batch_losses(model, calibration, 0.05, 8).mean()
    exact = []
    for unit in range(len(found)):
        with masked(model, head.keep(model, torch.arange(len(found)) != unit)):
            exact.append(float(batch_losses(model, calibration, 0.05, 8).mean() - dense))
    assert min(exact) < 0 < max(exact)
    assert spearmanr(found.numpy(), exact).statistic > 0.95


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0},
        {"temperature": float("inf")},
        {"temperature": 0.05, "loss": "correlation"},
        {"batch_size": 2},
        {"pairs": 2},
    ],
)
def test_refuses_what_makes_no_loss(fields: dict[str, Any]) -> None:
    for scorer in (Taylor, Fisher):
        with pytest.raises(ValueError, match=next(iter(fields))):
            scorer.model_validate(fields)


def test_dropout_gives_the_loss_of_unsupervised_simcse() -> None:
    for scorer in (Taylor(), Fisher()):
        gold, dropout = (
            contributions(scorer, tiny_model(), Head(), sample_calibration(dropout=on)) for on in (False, True)
        )
        assert dropout.isfinite().all()
        assert not torch.equal(gold, dropout)


def test_registers_both() -> None:
    found: list[type[Scorer]] = []
    ablate_register_scorers(found.append)
    assert [scorer.name for scorer in found] == ["taylor", "fisher"]
