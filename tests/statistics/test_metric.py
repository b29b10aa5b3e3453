"""Scores of many resamples at once are those that scipy gives one by one."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

from ablate.data.items import ItemSet
from ablate.errors import Undefined
from ablate.statistics.metric import LOG_MEAN, MEAN, SPEARMAN, Mean, Statistic
from ablate.statistics.spearman import exchange, levels
from ablate.tasks.base import ResampledScore, Task
from ablate.tasks.sts import STS_TASKS

Array = NDArray[Any]


class PlugIn(Task):
    """A task that says nothing of its statistic: the gap between the mean values of high and low gold scores."""

    name: ClassVar[str] = "gap"
    help: ClassVar[str] = "gap"
    split: ClassVar[str] = "dev"
    metric: ClassVar[str] = "gap"
    unit: ClassVar[str] = "cosine"

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        raise NotImplementedError

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        high = data.gold[kept] > 2.5
        if high.all() or not high.any():
            raise Undefined("gold scores on one side only")
        return float(values[kept][high].mean() - values[kept][~high].mean())


def problem(seed: int, n: int, draws: int = 6, distinct: int = 8) -> tuple[Array, Array, Array, Array, Array]:
    """Two models' values and gold scores with ties, counts of a bootstrap, swaps of a permutation."""
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(distinct, size=n).astype(np.float32) / 7 for _ in range(2))
    gold = rng.integers(6, size=n).astype(np.float64)
    counts = np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(draws)]).astype(np.float64)
    return a, b, gold, counts, rng.random((draws, n)) < 0.5


def scipys(x: Array, y: Array) -> float:
    """NaN where it has no value, as here."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return 100 * float(spearmanr(x, y).statistic)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40))
def test_resampled_spearman_is_scipys_of_the_pairs_written_out(seed: int, n: int, distinct: int) -> None:
    values, _, gold, counts, _ = problem(seed, n, distinct=distinct)
    expected = [scipys(np.repeat(values, row.astype(int)), np.repeat(gold, row.astype(int))) for row in counts]
    np.testing.assert_allclose(SPEARMAN.resampled(values, gold, counts), expected, rtol=0, atol=1e-10)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40))
def test_exchanged_spearman_places_within_each_model_then_swaps_then_ranks(seed: int, n: int, distinct: int) -> None:
    a, b, gold, _, swaps = problem(seed, n, distinct=distinct)
    one, two = levels(a), levels(b)
    expected = [scipys(np.where(swap, two, one), gold) - scipys(np.where(swap, one, two), gold) for swap in swaps]
    np.testing.assert_allclose(SPEARMAN.exchanged(a, b, gold, swaps), expected, rtol=0, atol=1e-10)


def test_more_draws_than_one_part_of_the_work() -> None:
    values, _, gold, counts, _ = problem(0, 2_000, draws=120, distinct=10**6)
    expected = [scipys(np.repeat(values, row.astype(int)), np.repeat(gold, row.astype(int))) for row in counts]
    np.testing.assert_allclose(SPEARMAN.resampled(values, gold, counts), expected, rtol=0, atol=1e-9)


def test_another_scale_of_all_values_is_no_difference_under_any_swap() -> None:
    a, _, gold, _, swaps = problem(1, 50)
    scaled = (a / 4).astype(np.float32)
    assert np.abs(SPEARMAN.exchanged(a, scaled, gold, swaps)).max() < 1e-12
    assert np.abs(MEAN.exchanged(a, scaled, gold, swaps)).max() > 0.1


@pytest.mark.parametrize(
    ("statistic", "of"),
    [
        (MEAN, np.mean),
        (LOG_MEAN, lambda x: np.log(np.mean(x))),
        (Mean(scale=100), lambda x: 100 * np.mean(x)),
    ],
)
@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_means_are_those_of_the_values_written_out(statistic: Statistic, of: Any, seed: int, n: int) -> None:
    a, b, gold, counts, swaps = problem(seed, n)
    a, b = a + 1, b + 1
    repeated = [of(np.repeat(a.astype(float), row.astype(int))) for row in counts]
    np.testing.assert_allclose(statistic.resampled(a, gold, counts), repeated, atol=1e-9)
    swapped = [of(np.where(swap, b, a).astype(float)) - of(np.where(swap, a, b).astype(float)) for swap in swaps]
    np.testing.assert_allclose(statistic.exchanged(a, b, gold, swaps), swapped, atol=1e-9)
    assert statistic.value(a, gold) == pytest.approx(of(a.astype(float)))


def test_a_logarithm_of_nothing_is_undefined() -> None:
    zeros, gold = np.zeros(4, np.float32), np.zeros(4)
    with pytest.raises(Undefined, match="the mean of 4 values is not positive"):
        LOG_MEAN.value(zeros, gold)
    assert np.isnan(LOG_MEAN.resampled(zeros, gold, np.ones((2, 4)))).all()
    for statistic in (MEAN, LOG_MEAN, SPEARMAN):
        with pytest.raises(Undefined):
            statistic.value(zeros[:0], gold[:0])
        assert np.isnan(statistic.resampled(zeros, gold, np.zeros((2, 4)))).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(3, 30))
def test_the_slow_way_gives_what_the_fast_way_gives(seed: int, n: int) -> None:
    a, b, gold, counts, swaps = problem(seed, n)
    slow = ResampledScore(STS_TASKS[0]())
    np.testing.assert_allclose(slow.resampled(a, gold, counts), SPEARMAN.resampled(a, gold, counts), atol=1e-9)
    # On levels, since the slow way swaps what it is given.
    one, two = (levels(values).astype(np.float32) for values in (a, b))
    fast = 100 * exchange(one, two, gold, swaps).difference
    np.testing.assert_allclose(slow.exchanged(one, two, gold, swaps), fast, atol=1e-9)
    assert slow.exchanged_by_item(one, two, gold, swaps)[1] is None


def test_a_task_that_says_nothing_is_scored_draw_by_draw() -> None:
    values, gold = np.array([0.1, 0.2, 0.8, 0.9], np.float32), np.array([0.0, 1.0, 4.0, 5.0])
    statistic = PlugIn().statistic()
    assert statistic.value(values, gold) == pytest.approx(0.7)
    counts = np.array([[2, 0, 1, 1], [0, 1, 0, 3], [2, 2, 0, 0]], float)
    np.testing.assert_allclose(statistic.resampled(values, gold, counts), [0.75, 0.7, np.nan], atol=1e-6)
    swaps = np.array([[False] * 4, [True] * 4])
    np.testing.assert_allclose(statistic.exchanged(values, values[::-1], gold, swaps), [1.4, -1.4], atol=1e-6)
