"""Pearson's correlation of many resamples at once is scipy's of each; swaps and influences are those by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import pearsonr, zscore

from ablate.errors import Undefined
from ablate.statistics.pearson import PEARSON
from tests.statistics.test_metric import problem

Array = NDArray[Any]


def scipys(x: Array, y: Array) -> float:
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return 100 * float(pearsonr(x.astype(np.float64), y).statistic)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40))
def test_resamples_are_scipys_of_the_items_written_out(seed: int, n: int, distinct: int) -> None:
    values, _, gold, counts, _ = problem(seed, n, distinct=distinct)
    expected = [scipys(np.repeat(values, row.astype(int)), np.repeat(gold, row.astype(int))) for row in counts]
    np.testing.assert_allclose(PEARSON.resampled(values, gold, counts), expected, rtol=0, atol=1e-8)


def test_the_score_is_scipys_and_does_not_depend_on_scales() -> None:
    a, _, gold, _, _ = problem(1, 30, distinct=10**6)
    assert PEARSON.value(a, gold) == pytest.approx(scipys(a, gold), abs=1e-9)
    assert PEARSON.value(3 * a + 1, 20 * gold - 7) == pytest.approx(scipys(a, gold), abs=1e-4)
    ones = np.ones((1, 30))
    assert PEARSON.resampled(a, gold, ones)[0] == pytest.approx(scipys(a, gold), abs=1e-9)
    with pytest.raises(Undefined, match="fewer than 3"):
        PEARSON.value(a[:2], gold[:2])
    with pytest.raises(Undefined, match="gold scores are equal"):
        PEARSON.value(a, np.ones(30))


def test_swaps_exchange_standardized_values_and_each_item_adds_the_derivative() -> None:
    n, step = 25, 1e-5
    a, b, gold, _, swaps = problem(3, n, distinct=10**6)
    one, two = (zscore(each.astype(np.float64)) for each in (a, 5 * b + 2))
    differences, influence = PEARSON.exchanged_by_item(a, 5 * b + 2, gold, swaps)
    assert influence is not None
    for swap, difference, found in zip(swaps, differences, influence, strict=True):
        mine, theirs = np.where(swap, two, one), np.where(swap, one, two)
        assert difference == pytest.approx(scipys(mine, gold) - scipys(theirs, gold), abs=1e-4)
        for item in range(n):
            weights = np.ones((2, n))
            weights[:, item] += (step, -step)
            ups, downs = (weighted(mine, gold, w) - weighted(theirs, gold, w) for w in weights)
            assert found[item] == pytest.approx(n * (ups - downs) / (2 * step), abs=1e-3)
    nothing = np.zeros((1, n), bool)
    assert PEARSON.exchanged(a, b, gold, nothing)[0] == pytest.approx(
        PEARSON.value(a, gold) - PEARSON.value(b, gold), abs=1e-9
    )


def weighted(x: Array, y: Array, weights: Array) -> float:
    covariance = np.cov(x, y, aweights=weights, ddof=0)
    return 100 * float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
