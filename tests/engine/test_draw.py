"""Matched draws: as many units of each group, and of single weights as many of each decile of magnitude."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import rankdata

from ablate.engine.draw import Groups, draw_among, matched, redrawn
from ablate.granularities.head import Head
from ablate.granularities.unstructured import BINS, Unstructured
from ablate.plan.plan import Cell, Step
from ablate.record import Row
from ablate.report.results import Results
from ablate.scorers.magnitude import Magnitude
from ablate.testing.tiny import tiny_model
from tests.bench import Bench, make_bench, of, one

Mask = NDArray[np.bool_]


@st.composite
def grouped(draw: st.DrawFn) -> tuple[Mask, NDArray[np.int64]]:
    n = draw(st.integers(0, 30))
    groups = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    mask = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return np.array(mask, bool), np.array(groups, np.int64)


@settings(deadline=None, max_examples=60)
@given(grouped(), st.integers(0, 9))
def test_matched_takes_as_many_of_each_group(drawn: tuple[Mask, NDArray[np.int64]], seed: int) -> None:
    mask, groups = drawn
    before = mask.copy()
    control = matched(mask, Groups.of(groups), seed)
    assert np.array_equal(mask, before)
    for group in range(5):
        assert control[groups == group].sum() == mask[groups == group].sum()
    assert np.array_equal(control, matched(mask, Groups.of(groups), seed))
    assert redrawn(mask, control) == sum(after and not kept for kept, after in zip(mask, control, strict=True))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 9), max_size=5), st.integers(0, 9), st.data())
def test_draws_by_layer_are_those_of_before(sizes: list[int], seed: int, data: st.DataObject) -> None:
    """The masks of heads and neurons keep their bits: a permutation of each layer's part, one after the other."""
    layers = np.repeat(np.arange(len(sizes)), sizes).astype(np.int64)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(layers), max_size=len(layers))), bool)
    generator = np.random.default_rng(seed)
    expected = mask.copy()
    for layer in np.unique(layers):
        expected[layers == layer] = generator.permutation(mask[layers == layer])
    assert np.array_equal(matched(mask, Groups.of(layers), seed), expected)


def test_matched_draws_differ_and_favor_no_unit() -> None:
    groups = Groups.of(np.arange(60) % 2)
    mask = np.arange(60) >= 20
    draws = [matched(mask, groups, seed) for seed in range(60)]
    assert len({d.tobytes() for d in draws}) == 60
    # Each unit goes with probability 1/3: in 60 draws 20 ± 3.7 times.
    times = np.sum([~d for d in draws], axis=0)
    assert times.min() > 5
    assert times.max() < 36


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(0, 9))
def test_others_of_the_layer_make_up_for_those_that_cannot_be_drawn(data: st.DataObject, seed: int) -> None:
    n = 24
    removed, among = (np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool) for _ in range(2))
    groups, layers = np.arange(n) // 4, np.arange(n) // 12
    drawn = draw_among(removed, among, Groups.of(groups), Groups.of(layers), seed)
    assert not (drawn & ~among).any()
    for layer in (0, 1):
        here = layers == layer
        assert drawn[here].sum() == min(removed[here].sum(), among[here].sum())
    for group in range(6):
        here = groups == group
        assert drawn[here].sum() >= min(removed[here].sum(), among[here].sum())


def test_the_groups_of_single_weights_are_matrices_and_deciles() -> None:
    model = tiny_model()
    with torch.no_grad():  # ties: half of a matrix is zeros
        weight = model.weight(model.architecture.layers[0].query[0].name)
        weight.view(-1)[::2] = 0
    granularity = Unstructured()
    groups = granularity.alike(model).numpy()
    start = 0
    for number, linear in enumerate(granularity.carriers(model)):
        values = model.weight(linear).detach().abs().flatten().numpy()
        # Of equal values the first has the lower rank, as scipy's `ordinal`.
        expected = (rankdata(values, method="ordinal") - 1) * BINS // len(values)
        assert np.array_equal(groups[start : start + len(values)] - BINS * number, expected)
        start += len(values)
    assert start == len(groups)
    assert np.array_equal(Head().alike(model), Head().layers(model))


def test_only_draws_that_are_matched_otherwise_have_another_key() -> None:
    weights = Cell((Step(((Unstructured(), 0.1),), Magnitude(), "magnitude"),))
    heads = Cell((Step(((Head(), 0.1),), Magnitude(), "magnitude"),))
    matching = "unstructured: layer, matrix and decile of magnitude"
    assert weights.as_control("matched", 3).identity()["matching"] == matching
    for cell in (weights, weights.as_control("flipped"), heads, heads.as_control("matched", 3)):
        assert set(cell.identity()) == {"steps", "control", "draw"}
    assert heads.as_control("matched", 3).matching is None


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def a_run(bench: Bench, **given: Any) -> Results:
    tree = {"granularities": ["unstructured"], "confirm": ["stsb"], "statistics": {"resamples": 200}}
    return bench.run(**{"controls": {"matched": 4}, **tree, **given})


def test_draws_of_weights_say_by_what_they_are_matched(bench: Bench) -> None:
    results = a_run(bench, scorers=["align"], sparsities=[0.1])
    draws = of(results, control="matched")
    assert {row.matching for row in draws} == {"unstructured: layer, matrix and decile of magnitude"}
    assert all(row.redrawn is not None and 0.5 < row.redrawn < 1 for row in draws)
    assert one(results, stage="confirm", control=None, scorer="align").redrawn is None
    text = results.to_markdown()
    assert "Matched by more than the layer: unstructured: layer, matrix and decile of magnitude." in text
    assert "nearly" not in text
    # A store of an older ablate: its rows say nothing of it, and the table says what that means.
    old = [
        Row.from_dict({k: v for k, v in row.to_dict().items() if k not in ("matching", "redrawn")})
        for row in results.rows
    ]
    text = Results(old, results.about).to_markdown()
    assert "The draws of unstructured cells are matched by layer alone: an older ablate made them." in text


def test_of_whole_groups_every_draw_is_the_mask_itself() -> None:
    groups = np.arange(20) % 5
    mask = ~np.isin(groups, (0, 1))
    for seed in range(5):
        assert np.array_equal(matched(mask, Groups.of(groups), seed), mask)
        assert redrawn(mask, matched(mask, Groups.of(groups), seed)) == 0


def test_draws_of_magnitude_are_nearly_the_cell(bench: Bench) -> None:
    results = a_run(bench, scopes=["layer"], sparsities=[0.3])
    shares = [row.redrawn for row in of(results, control="matched")]
    assert all(share is not None and share < 0.2 for share in shares)
    assert "Draws that remove mostly the units of their cell: unstructured × magnitude 30 %" in results.to_markdown()
