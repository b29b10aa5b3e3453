"""The permutation test on few items, where there is no difference to find: how often it says that there is one.

Two models, and a gold signal with noise. Most of the noise is shared, as it is where one model is the other with some
units removed: then the two rank most items alike. What they do not share makes them different, in ways that leave the
true difference at 0.

    python -m tests.statistics.test_compare_small_samples      # prints the figures of docs/statistics.md
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import permutation_test, rankdata, spearmanr

from ablate.statistics.compare import permutation_p
from ablate.statistics.metric import MEAN, SPEARMAN
from ablate.statistics.panel import Panel
from ablate.statistics.resample import Joint, Judged
from ablate.statistics.spearman import levels

Array = NDArray[Any]
LEVEL = 0.05
SEED = 29
ODD = 1.078
"""Noise with which the true difference is 0.0 ± 0.01 points, by 4 million items."""


def _near(own: float, bend: Callable[[Array], Array] = np.asarray) -> Callable[[Array, Array], tuple[Array, ...]]:
    def models(gold: Array, noise: Array) -> tuple[Array, ...]:
        shared = gold + 0.6 * noise[0]
        return gold, shared + own * noise[1], bend(shared + own * noise[2])

    return models


def _coarse(gold: Array, noise: Array) -> tuple[Array, ...]:
    """Gold scores on four steps."""
    gold, a, b = _near(0.1)(gold, noise)
    return np.digitize(gold, [-1.0, 0.0, 1.0]).astype(float), a, b


def _uneven(gold: Array, noise: Array) -> tuple[Array, ...]:
    """Both are wrong on extreme items alone."""
    shared = gold + 0.6 * noise[0]
    extreme = 0.3 * (np.abs(gold) > 1)
    return gold, shared + extreme * noise[1], shared + extreme * noise[2]


def _odd(gold: Array, noise: Array) -> tuple[Array, ...]:
    """One is a little wrong everywhere, the other much on a tenth of the items: their scores are the same."""
    shared = gold + 0.6 * noise[0]
    return gold, shared + 0.3 * noise[1], shared + np.where(np.abs(noise[3]) > 1.645, ODD * noise[2], 0)


NULLS: dict[str, Callable[[Array, Array], tuple[Array, ...]]] = {
    "nothing shared": lambda gold, noise: (gold, gold + 0.6 * noise[1], gold + 0.6 * noise[2]),
    "alike (r 0.99)": _near(0.1),
    "nearly the same (r 0.9997)": _near(0.02),
    "alike, another scale of cosines": _near(0.1, np.exp),
    "alike, gold scores on 4 steps": _coarse,
    "alike, different on extreme items": _uneven,
    "one wrong on a tenth of the items (r 0.93)": _odd,
}
DIFFERENT = list(NULLS)[-1]
"""Where the two are wrong in different ways, swaps make models that are neither, and few items do not make up for it."""


def whole_ranks(a: Array, b: Array, gold: Array, swaps: Array) -> Array:
    """What the test did before: whole ranks swapped, and differences compared as they are. float64 [draws]."""
    first, second = rankdata(a), rankdata(b)
    ranks = (rankdata(np.where(swaps, *pair), axis=1) for pair in ((second, first), (first, second)))
    of_gold = rankdata(gold) - (len(gold) + 1) / 2

    def correlate(x: Array) -> Array:
        x = x - x.mean(1, keepdims=True)
        return np.asarray(x @ of_gold / np.sqrt((x**2).sum(1) * (of_gold**2).sum()))

    one, two = map(correlate, ranks)
    return np.asarray(one - two)


def simulate(kind: str, n: int, comparisons: int, draws: int = 300, before: bool = False) -> tuple[float, float]:
    """How often p is at most 5 %: the test, and (0 unless asked for) that on whole ranks."""
    found = np.zeros(2)
    for number in range(comparisons):
        rng = np.random.default_rng([SEED, number])
        gold, a, b = NULLS[kind](rng.normal(size=n), rng.normal(size=(4, n)))
        panel = Panel("t", gold, np.ones(n, bool), np.arange(n), np.zeros(n, np.int32))
        a, b = a.astype(np.float32), b.astype(np.float32)
        swapped = Joint({"t": Judged(panel, SPEARMAN)}, draws, number).permute({"": {"t": [(a, b)]}})[""]["t"]
        found[0] += permutation_p(swapped.observed, swapped.differences) <= LEVEL
        if before:
            swaps = rng.random((1 + draws, n)) < 0.5
            swaps[0] = False
            differences = whole_ranks(a, b, gold, swaps)
            found[1] += permutation_p(differences[0], differences[1:]) <= LEVEL
    test, old = (found / comparisons).tolist()
    return test, old


def slack(comparisons: int, sds: float = 3.5) -> float:
    return sds * sqrt(LEVEL * (1 - LEVEL) / comparisons)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NULLS)
def test_the_test_holds_its_level_with_50_items(kind: str) -> None:
    found, _ = simulate(kind, 50, 1500)
    assert found <= (0.08 if kind == DIFFERENT else LEVEL) + slack(1500)


@pytest.mark.slow
def test_from_200_items_on_it_holds_however_the_two_models_differ() -> None:
    found, _ = simulate(DIFFERENT, 200, 1000)
    assert found <= LEVEL + slack(1000)


@pytest.mark.slow
def test_swapping_whole_ranks_did_not() -> None:
    _, before = simulate("nearly the same (r 0.9997)", 50, 1000, before=True)
    assert before > 0.09


def test_few_comparisons_show_no_gross_error() -> None:
    for kind in NULLS:
        assert simulate(kind, 50, 120, draws=100)[0] <= (0.08 if kind == DIFFERENT else LEVEL) + slack(120)


def _of_others(values: Array, gold: Array) -> Array:
    """The jackknife's view of what each item adds to Spearman's correlation × 100, [n], mean 0."""
    n = len(gold)
    without = [spearmanr(np.delete(values, i), np.delete(gold, i)).statistic for i in range(n)]
    added = 100 * (n - 1) * (spearmanr(values, gold).statistic - np.array(without))
    return np.asarray(added - added.mean())


@pytest.mark.parametrize(("steps", "of"), [(6, "gold"), (6, "both"), (10**6, "none")])
def test_what_each_item_adds_is_what_the_jackknife_finds(steps: int, of: str) -> None:
    rng = np.random.default_rng(3)
    gold = rng.normal(size=300)
    a, b = (gold + size * rng.normal(size=300) for size in (0.5, 0.8))
    if of != "none":
        gold = np.round(gold * steps / 6)
    if of == "both":
        a, b = np.round(2 * a), np.round(b)
    swaps = np.zeros((1, 300), bool)
    difference, influence = SPEARMAN.exchanged_by_item(a.astype(np.float32), b.astype(np.float32), gold, swaps)
    assert difference[0] == pytest.approx(100 * (spearmanr(a, gold).statistic - spearmanr(b, gold).statistic))
    assert influence is not None
    expected = _of_others(a, gold) - _of_others(b, gold)
    assert np.abs(influence[0] - expected).max() < 0.03 * expected.std() + 0.03 * np.abs(expected).max()
    assert influence[0].std() == pytest.approx(expected.std(), rel=0.02)
    # Of another draw too: what a' and b' are then.
    swaps = rng.random((1, 300)) < 0.5
    _, influence = SPEARMAN.exchanged_by_item(a.astype(np.float32), b.astype(np.float32), gold, swaps)
    assert influence is not None
    x, y = levels(a.astype(np.float32)), levels(b.astype(np.float32))
    expected = _of_others(np.where(swaps[0], y, x), gold) - _of_others(np.where(swaps[0], x, y), gold)
    assert np.corrcoef(influence[0], expected)[0, 1] > 0.999


@pytest.mark.parametrize("seed", [2, 3, 5])
def test_the_p_value_is_scipys_of_the_same_statistic(seed: int) -> None:
    """scipy swaps, and the statistic is written out: the difference by its jackknife error."""
    rng = np.random.default_rng(seed)
    gold = rng.normal(size=40)
    a, b = ((gold + size * rng.normal(size=40)).astype(np.float32) for size in (0.5, 0.7))

    def by_its_error(x: Array, y: Array) -> float:
        difference = 100 * float(spearmanr(x, gold).statistic - spearmanr(y, gold).statistic)
        added = _of_others(x, gold) - _of_others(y, gold)
        return difference / float(np.sqrt((added**2).sum()) / len(gold))

    theirs = permutation_test(
        (levels(a), levels(b)), by_its_error, permutation_type="samples", vectorized=False, n_resamples=400, rng=0
    )
    panel = Panel("t", gold, np.ones(40, bool), np.arange(40), np.zeros(40, np.int32))
    swapped = Joint({"t": Judged(panel, SPEARMAN)}, 2000, seed).permute({"": {"t": [(a, b)]}})[""]["t"]
    assert swapped.studentized
    assert swapped.observed == pytest.approx(theirs.statistic, rel=0.05)
    # 400 of scipy's swaps: a standard error of 0.025 at most.
    assert permutation_p(swapped.observed, swapped.differences) == pytest.approx(theirs.pvalue, abs=0.08)


def test_studentizing_a_mean_changes_no_p_value() -> None:
    """Swaps leave the sum of squared differences as it is, so that both order the draws alike."""
    rng = np.random.default_rng(1)
    a, b = (rng.normal(size=60).astype(np.float32) for _ in range(2))
    panel = Panel("t", np.zeros(60), np.ones(60, bool), np.arange(60), np.zeros(60, np.int32))
    joint = Joint({"t": Judged(panel, MEAN)}, 500, 0)
    swapped = joint.permute({"": {"t": [(a, b)]}})[""]["t"]
    (_, swaps), *_ = list(joint._swaps(np.random.default_rng([0, 1])))[1:]
    plain = MEAN.exchanged(a, b, np.zeros(60), swaps)
    assert np.array_equal(np.argsort(np.abs(plain)), np.argsort(np.abs(swapped.differences[: len(plain)])))


def test_a_model_that_changes_nothing_is_no_difference() -> None:
    gold = np.random.default_rng(0).normal(size=30)
    panel = Panel("t", gold, np.ones(30, bool), np.arange(30), np.zeros(30, np.int32))
    values = gold.astype(np.float32)
    swapped = Joint({"t": Judged(panel, SPEARMAN)}, 50, 0).permute({"": {"t": [(values, values)]}})[""]["t"]
    assert permutation_p(swapped.observed, swapped.differences) == 1


def test_levels_rise_with_the_values_and_keep_their_ties() -> None:
    values = np.random.default_rng(0).normal(size=200).astype(np.float32)
    values[:20] = values[20]
    found = levels(values)
    assert np.array_equal(rankdata(found), rankdata(values))
    assert np.abs(found - (rankdata(values) - 0.5) / 200).max() < 0.1
    # Another scale and another zero are no other places.
    np.testing.assert_allclose(levels(3 * values - 7), found, atol=1e-6)
    # Two models have no value in one place, not even at the ends.
    one, two = (np.random.default_rng(seed).normal(size=200).astype(np.float32) for seed in (1, 2))
    assert not set(levels(one)) & set(levels(two))
    # Too few distinct values for quantiles, and few values at all.
    few = np.array([0, 0, 0, 0, 0, 0, 0, 1], np.float32)
    for values in (few, np.ones(5, np.float32), np.array([2, 1, 3], np.float32), np.array([1], np.float32)):
        assert np.array_equal(rankdata(levels(values)), rankdata(values))


if __name__ == "__main__":
    sizes, comparisons = [int(size) for size in sys.argv[1:]] or [25, 50, 100, 200], 1000
    for kind in NULLS:
        for size in sizes:
            now, before = simulate(kind, size, comparisons, before=True)
            print(f"{kind}, {size} items: p <= {LEVEL} in {now:.1%}; swapping whole ranks {before:.1%}", flush=True)
