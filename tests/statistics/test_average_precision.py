"""Average precision of many resamples at once is scikit-learn's of each; swaps and influences are those by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from ablate.errors import Undefined
from ablate.statistics.average_precision import AVERAGE_PRECISION
from ablate.statistics.spearman import levels
from tests.statistics.test_metric import problem

Array = NDArray[Any]


def sklearns(values: Array, gold: Array, weights: Array | None = None) -> float:
    """NaN where one label is absent."""
    present = gold if weights is None else gold[weights > 0]
    if len(set(present)) < 2:
        return float("nan")
    return 100 * float(average_precision_score(gold, values, sample_weight=weights))


def labeled(seed: int, n: int, distinct: int = 8) -> tuple[Array, Array, Array, Array, Array]:
    a, b, gold, counts, swaps = problem(seed, n, distinct=distinct)
    return a, b, (gold > 2.5).astype(np.float64), counts, swaps


def test_by_hand() -> None:
    # Ranked 1, 0, 1: precision 1 at the first positive, and 2/3 at the second.
    values, gold = np.array([0.9, 0.8, 0.1], np.float32), np.array([1.0, 0, 1])
    assert AVERAGE_PRECISION.value(values, gold) == pytest.approx(100 * (1 + 2 / 3) / 2)
    # All equal: the precision is the share of positives.
    assert AVERAGE_PRECISION.value(np.zeros(3, np.float32), gold) == pytest.approx(100 * 2 / 3)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40))
def test_resamples_are_scikit_learns_of_the_items_written_out(seed: int, n: int, distinct: int) -> None:
    values, _, gold, counts, _ = labeled(seed, n, distinct)
    written = [np.repeat(np.arange(n), row.astype(int)) for row in counts]
    expected = [sklearns(values[pick], gold[pick]) for pick in written]
    np.testing.assert_allclose(AVERAGE_PRECISION.resampled(values, gold, counts), expected, rtol=0, atol=1e-10)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 40))
def test_swaps_exchange_places_within_each_model(seed: int, n: int, distinct: int) -> None:
    a, b, gold, _, swaps = labeled(seed, n, distinct)
    one, two = levels(a), levels(b)
    expected = [sklearns(np.where(swap, two, one), gold) - sklearns(np.where(swap, one, two), gold) for swap in swaps]
    np.testing.assert_allclose(AVERAGE_PRECISION.exchanged(a, b, gold, swaps), expected, rtol=0, atol=1e-9)


def test_what_each_item_adds_is_the_derivative_by_its_weight() -> None:
    n, step = 25, 1e-5
    a, b, gold, _, swaps = labeled(3, n)
    one, two = levels(a), levels(b)
    _, influence = AVERAGE_PRECISION.exchanged_by_item(a, b, gold, swaps)
    assert influence is not None
    np.testing.assert_allclose(influence.mean(1), 0, atol=1e-12)
    for swap, found in zip(swaps, influence, strict=True):
        mine, theirs = np.where(swap, two, one), np.where(swap, one, two)
        for item in range(n):
            weights = [np.ones(n), np.ones(n)]
            weights[0][item] += step
            weights[1][item] -= step
            ups, downs = (sklearns(mine, gold, w) - sklearns(theirs, gold, w) for w in weights)
            assert found[item] == pytest.approx(n * (ups - downs) / (2 * step), abs=1e-5)


@pytest.mark.parametrize("gold", [[], [1.0, 1.0], [0.0, 0.0, 0.0]])
def test_one_label_alone_has_none(gold: list[float]) -> None:
    with pytest.raises(Undefined):
        AVERAGE_PRECISION.value(np.arange(len(gold), dtype=np.float32), np.array(gold))
