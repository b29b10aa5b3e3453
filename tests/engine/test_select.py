"""Which units go."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ablate.engine.select import select

Mask = NDArray[np.bool_]
Units = tuple[NDArray[np.float32], NDArray[np.int64]]

# Few values, so that ties are the rule; and any at all.
VALUES = st.one_of(st.integers(-2, 2).map(float), st.floats(-1e3, 1e3, width=32))


@st.composite
def units(draw: st.DrawFn) -> Units:
    sizes = draw(st.lists(st.integers(0, 9), max_size=5))
    values = draw(st.lists(VALUES, min_size=sum(sizes), max_size=sum(sizes)))
    return np.array(values, np.float32), np.repeat(np.arange(len(sizes)), sizes)


def some(draw: Any, n: int) -> Mask:
    return np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)


def by_layer(layers: NDArray[np.int64]) -> list[slice]:
    bounds = np.searchsorted(layers, range(int(layers[-1]) + 2)) if len(layers) else [0]
    return [slice(a, b) for a, b in pairwise(bounds)]


def pool(values: NDArray[np.float32], live: Mask, min_keep: int) -> list[float]:
    """The contributions of a layer that may go, lowest first: all that live but the ``min_keep`` highest."""
    ordered = sorted(values[live].tolist())
    return ordered[: max(len(ordered) - min_keep, 0)]


@settings(deadline=None, max_examples=60)
@given(st.data(), units(), st.integers(0, 3), st.integers(0, 5))
def test_global_removes_exactly_as_many_as_asked_and_the_lowest(
    data: st.DataObject, drawn: Units, min_keep: int, tie_seed: int
) -> None:
    values, layers = drawn
    kept = some(data.draw, len(values))
    count = data.draw(st.integers(0, len(values)))
    before = kept.copy()
    mask = select(values, layers, count, min_keep=min_keep, kept=kept, tie_seed=tie_seed)
    assert np.array_equal(kept, before), "the mask in force is not written to"
    assert not (mask & ~kept).any(), "units that are gone stay gone"
    may_go = sorted(v for here in by_layer(layers) for v in pool(values[here], kept[here], min_keep))
    wanted = max(count - int((~kept).sum()), 0)
    assert sorted(values[kept & ~mask].tolist()) == may_go[:wanted]
    for here in by_layer(layers):
        assert mask[here].sum() >= min(min_keep, kept[here].sum())
    again = select(values, layers, count, min_keep=min_keep, kept=kept, tie_seed=tie_seed)
    assert np.array_equal(mask, again)


@settings(deadline=None, max_examples=60)
@given(st.data(), units(), st.integers(0, 3))
def test_scope_layer_takes_the_same_share_of_every_layer(data: st.DataObject, drawn: Units, min_keep: int) -> None:
    values, layers = drawn
    count = data.draw(st.integers(0, len(values)))
    mask = select(values, layers, count, scope="layer", min_keep=min_keep)
    total = 0
    for here in by_layer(layers):
        live = np.ones(len(values[here]), bool)
        may_go = pool(values[here], live, min_keep)
        gone = sorted(values[here][~mask[here]].tolist())
        share = count * len(live) / max(len(values), 1)
        assert min(int(share), len(may_go)) <= len(gone) <= np.ceil(share)
        assert gone == may_go[: len(gone)]
        total += len(gone)
    if min_keep == 0:
        assert total == count


@settings(deadline=None, max_examples=60)
@given(st.data(), units())
def test_scope_layer_counts_what_is_gone_already(data: st.DataObject, drawn: Units) -> None:
    values, layers = drawn
    first, second = sorted(data.draw(st.tuples(*[st.integers(0, len(values))] * 2)))
    one = select(values, layers, first, scope="layer")
    two = select(values, layers, second, scope="layer", kept=one)
    assert not (two & ~one).any()
    assert int((~two).sum()) == second


@settings(deadline=None, max_examples=60)
@given(st.data(), units())
def test_scope_layer_reaches_its_count_from_layers_that_lost_unevenly(data: st.DataObject, drawn: Units) -> None:
    values, layers = drawn
    kept = some(data.draw, len(values))
    gone = int((~kept).sum())
    count = data.draw(st.integers(gone, len(values)))
    mask = select(values, layers, count, scope="layer", kept=kept)
    assert not (mask & ~kept).any()
    assert int((~mask).sum()) == count
    # Only layers that had lost more than their share of all may end above it.
    for here in by_layer(layers):
        fair = count * len(values[here]) / max(len(values), 1)
        assert int((~mask[here]).sum()) <= max(int((~kept[here]).sum()), np.ceil(fair))


@settings(deadline=None, max_examples=60)
@given(st.data(), units(), st.integers(0, 3), st.sampled_from(["global", "layer"]))
def test_negative_removes_exactly_what_is_below_zero(
    data: st.DataObject, drawn: Units, min_keep: int, scope: Literal["global", "layer"]
) -> None:
    values, layers = drawn
    kept = some(data.draw, len(values))
    mask = select(values, layers, "negative", scope=scope, min_keep=min_keep, kept=kept)
    for here in by_layer(layers):
        below = [v for v in pool(values[here], kept[here], min_keep) if v < 0]
        assert sorted(values[here][kept[here] & ~mask[here]].tolist()) == below
    if min_keep == 0:
        assert np.array_equal(mask, kept & ~(values < 0))


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_a_seed_and_not_the_position_decides_among_equals(scope: Literal["global", "layer"]) -> None:
    values, layers = np.zeros(200, np.float32), np.repeat(np.arange(4), 50)
    masks = [select(values, layers, 50, scope=scope, tie_seed=seed) for seed in range(20)]
    assert [int((~m).sum()) for m in masks] == [50] * 20
    assert len({m.tobytes() for m in masks}) == 20
    # Each unit goes with probability 1/4: in 20 draws 5 ± 1.9 times; none always, and every part of a layer alike.
    times = np.sum([~m for m in masks], axis=0)
    assert times.max() < 16
    assert abs(times[:25].mean() - times[25:50].mean()) < 2
    assert abs(times.mean() - 5) < 1e-9


def test_ties_leave_the_clear_cases_alone() -> None:
    values = np.array([5, 1, 1, 1, 1, 0], np.float32)
    layers = np.zeros(6, np.int64)
    masks = [select(values, layers, 3, tie_seed=seed) for seed in range(10)]
    assert all(m[0] and not m[5] and (~m).sum() == 3 for m in masks)
    assert len({m.tobytes() for m in masks}) > 1


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_of_none_and_of_one(scope: Literal["global", "layer"]) -> None:
    nothing = np.zeros(0, np.float32), np.zeros(0, np.int64)
    assert select(*nothing, 0, scope=scope, min_keep=1).shape == (0,)
    assert select(*nothing, "negative", scope=scope, min_keep=1).shape == (0,)
    one = np.array([-1], np.float32), np.zeros(1, np.int64)
    assert select(*one, 1, scope=scope).tolist() == [False]
    assert select(*one, 0, scope=scope).tolist() == [True]
    assert select(*one, 1, scope=scope, min_keep=1).tolist() == [True]
    assert select(*one, "negative", scope=scope).tolist() == [False]
    assert select(*one, "negative", scope=scope, min_keep=1).tolist() == [True]


def test_by_hand() -> None:
    values = np.array([3, -1, 2, 0, 5, 4, -2, 6], np.float32)
    layers = np.array([0, 0, 0, 0, 1, 1, 1, 1])

    def gone(count: Any, **how: Any) -> list[int]:
        return np.flatnonzero(~select(values, layers, count, **how)).tolist()

    assert gone(2) == [1, 6]
    assert gone(4) == [1, 2, 3, 6]
    assert gone(4, scope="layer") == [1, 3, 5, 6]
    assert gone(6, min_keep=1) == [1, 2, 3, 4, 5, 6]
    assert gone(8, min_keep=1) == [1, 2, 3, 4, 5, 6]
    assert gone("negative") == [1, 6]
    assert gone(3, kept=values != 6) == [1, 6, 7]


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_millions_of_units_take_no_number_for_each(scope: Literal["global", "layer"]) -> None:
    # The contributions of a BERT-base's weights take 340 MB, and a number of each in int64 another 680 MB.
    units = 500_000
    values, layers = np.random.default_rng(0).random(units, np.float32), np.repeat(np.arange(5), units // 5)
    tracemalloc.start()
    try:
        removed = units - int(select(values, layers, units // 5, scope=scope).sum())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert removed == units // 5
    assert most < 8 * units  # a copy of the values for the partition, and a few masks
