from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from ablate_obs import Obs, ablate_register_scorers
from ablate_wanda import Wanda
from numpy.typing import NDArray
from torch import Tensor

from ablate.plugin_api import Head, Model, Neuron, PluginError, Scorer, Unstructured, View
from ablate.testing import check_scorer, contributions, sample_calibration, tiny_model
from ablate.testing.scored import watched_views

GRANULARITY, CALIBRATION = Unstructured(), sample_calibration(sentences=40)


@pytest.mark.parametrize("parameters", [{}, {"sentences": 3}, {"damping": 1.0}], ids=str)
def test_keeps_the_contract(parameters: dict[str, Any]) -> None:
    check_scorer(Obs, **parameters)


def inputs_of(model: Model, sentences: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    """[tokens, in] of each module, sentence after sentence, so that nothing is padded: not the code under test."""
    rows: dict[str, list[Tensor]] = {name: [] for name in GRANULARITY.carriers(model)}
    handles = [
        model.backbone.get_submodule(name).register_forward_hook(
            lambda _, given, __, name=name: rows[name].append(given[0][0])
        )
        for name in rows
    ]
    with torch.no_grad():
        for sentence in sentences:
            model.embed(model.pad(model.tokenize([sentence])))
    for handle in handles:
        handle.remove()
    return {name: torch.cat(parts).double().numpy() for name, parts in rows.items()}


def by_module(model: Model, found: Tensor) -> dict[str, NDArray[np.float32]]:
    names = GRANULARITY.carriers(model)
    parts = torch.split(found, [model.weight(name).numel() for name in names])
    return {n: p.view_as(model.weight(n)).numpy() for n, p in zip(names, parts, strict=True)}


@pytest.mark.parametrize("damping", [1e-3, 0.01, 1.0])
@pytest.mark.parametrize("sentences", [None, 7])
def test_is_the_direct_computation(damping: float, sentences: int | None) -> None:
    model = tiny_model(layers=1, neurons=16)
    scorer = Obs(damping=damping, sentences=sentences)
    found = by_module(model, contributions(scorer, model, GRANULARITY, CALIBRATION))
    for name, x in inputs_of(model, CALIBRATION.sentences[:sentences]).items():
        h = x.T @ x
        h += damping * np.trace(h) / len(h) * np.eye(len(h))
        weight = model.weight(name).detach().double().numpy()
        assert np.allclose(found[name], weight**2 / np.diag(np.linalg.inv(h)), rtol=1e-3)


def test_is_the_rise_of_the_output_error_of_one_removed_weight_after_the_best_update() -> None:
    """And `wanda` squared is the rise without any update.

    λ counts as a row of inputs for each weight, in which no other weight has one. With it the update is unique: inputs
    that come out of a layer norm add up to 0 here, so that without λ any of them can be put in place of the others.
    """
    model, damping = tiny_model(layers=1, neurons=16), 1e-3
    layer = model.architecture.layers[0]
    found = by_module(model, contributions(Obs(damping=damping), model, GRANULARITY, CALIBRATION))
    plain = by_module(model, contributions(Wanda(), model, GRANULARITY, CALIBRATION))
    nearly = by_module(model, contributions(Obs(damping=1e-6), model, GRANULARITY, CALIBRATION))
    for name, x in inputs_of(model, CALIBRATION.sentences).items():
        weights = model.weight(name).detach().double().numpy()
        damped = np.vstack([x, np.sqrt(damping * np.square(x).sum() / x.shape[1]) * np.eye(x.shape[1])])
        for row, column in ((0, 0), (3, 5), (7, 11)):
            removed = weights[row].copy()
            removed[column] = 0
            without = np.square(x @ (removed - weights[row])).sum()
            assert plain[name][row, column] ** 2 == pytest.approx(without, rel=1e-4)
            assert found[name][row, column] == pytest.approx(updated_error(damped, weights[row], column), rel=1e-3)
            assert found[name][row, column] < 0.99 * without
            if name in (layer.attention_output, layer.ffn_out):
                assert nearly[name][row, column] == pytest.approx(updated_error(x, weights[row], column), rel=0.02)


def updated_error(x: NDArray[np.float64], weights: NDArray[np.float64], column: int) -> float:
    """The squared error of a row's output without one weight, with its other weights refitted by least squares."""
    others = np.delete(x, column, axis=1)
    best, *_ = np.linalg.lstsq(others, x @ weights, rcond=None)
    return float(np.square(others @ best - x @ weights).sum())


def test_is_wanda_squared_if_the_inputs_do_not_correlate(monkeypatch: pytest.MonkeyPatch) -> None:
    model, products = tiny_model(), Obs.products

    def uncorrelated(scorer: Obs, view: View) -> dict[str, Tensor]:
        return {name: product.diagonal().diag() for name, product in products(scorer, view).items()}

    wanda = contributions(Wanda(), model, GRANULARITY, CALIBRATION)
    correlated = contributions(Obs(damping=1e-6), model, GRANULARITY, CALIBRATION)
    # Inputs that tell something of each other can stand in for each other.
    assert (correlated <= wanda.square() * (1 + 1e-3)).all()
    assert float((correlated / wanda.square()).median()) < 0.9
    monkeypatch.setattr(Obs, "products", uncorrelated)
    found = contributions(Obs(damping=1e-6), model, GRANULARITY, CALIBRATION)
    assert torch.allclose(found, wanda.square(), rtol=1e-3)


def test_without_any_input_no_weight_counts() -> None:
    model = tiny_model(layers=1)
    layer = model.architecture.layers[0]
    model.weight(layer.key_value[1].name).data.zero_()
    model.backbone.get_submodule(layer.key_value[1].name).bias.data.zero_()
    found = by_module(model, contributions(Obs(), model, GRANULARITY, CALIBRATION))
    assert not found[layer.attention_output].any()
    assert found[layer.query[0].name].all()


def test_hooks_go_also_after_an_error() -> None:
    model = tiny_model()

    def fails(*_: object) -> None:
        raise RuntimeError("no pass")

    handle = model.backbone.register_forward_pre_hook(fails)
    with (
        watched_views(Obs(), model, {GRANULARITY: None}, CALIBRATION) as views,
        pytest.raises(RuntimeError, match="no pass"),
    ):
        Obs().score(views[GRANULARITY])
    handle.remove()
    assert not any(module._forward_pre_hooks for module in model.backbone.modules())


@pytest.mark.parametrize("granularity", [Head(), Neuron()], ids=lambda g: g.name)
def test_is_for_single_weights(granularity: Head | Neuron) -> None:
    with pytest.raises(PluginError, match=f"is for unstructured, not '{granularity.name}'; use wanda there"):
        Obs().supports(granularity)


@pytest.mark.parametrize("fields", [{"damping": 0}, {"damping": float("inf")}, {"sentences": 0}])
def test_refuses_what_gives_no_hessian(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        Obs.model_validate(fields)


def test_registers() -> None:
    found: list[type[Scorer]] = []
    ablate_register_scorers(found.append)
    assert [scorer.name for scorer in found] == ["obs"]
    assert Obs().examples == ("sentences",)
