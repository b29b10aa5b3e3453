"""Corrections against known numbers, verdicts by hand, comparisons against their formulas."""

from __future__ import annotations

from itertools import product
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, t, ttest_1samp

from ablate.errors import Undefined
from ablate.statistics.compare import against_draws, contrast, permutation_p, seeds_p, smallest_effect, studentized
from ablate.statistics.correction import METHODS, adjust
from ablate.statistics.verdict import CLAIMS, VERDICTS, Claim, verdict

# Benjamini and Hochberg (1995), section 3.2: 15 p-values, of which their procedure rejects four and Bonferroni three.
PUBLISHED = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
PUBLISHED += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]


def test_the_published_example_of_benjamini_and_hochberg() -> None:
    assert sum(p <= 0.05 for p in adjust(PUBLISHED, "bh")) == 4
    assert sum(p <= 0.05 for p in adjust(PUBLISHED, "holm")) == 3


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        # By hand: p × 4 / rank, the running minimum from the largest.
        ("bh", [0.04, 0.04, 0.04, 0.6]),
        # The same × (1 + 1/2 + 1/3 + 1/4), at most 1.
        ("by", [0.04 * 25 / 12, 0.04 * 25 / 12, 0.04 * 25 / 12, 1.0]),
        # p × (4, 3, 2, 1), the running maximum from the smallest.
        ("holm", [0.04, 0.06, 0.06, 0.6]),
    ],
)
def test_corrections_by_hand(method: str, expected: list[float]) -> None:
    ps = [0.01, 0.02, 0.03, 0.6]
    assert adjust(ps, method) == pytest.approx(expected)
    order = [2, 0, 3, 1]
    assert adjust([ps[i] for i in order], method) == pytest.approx([expected[i] for i in order])


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=20))
def test_corrections_are_scipys_and_never_lower(ps: list[float]) -> None:
    for method in ("bh", "by"):
        assert adjust(ps, method) == pytest.approx(list(false_discovery_control(ps, method=method)))
    for method in METHODS:
        assert all(q >= p - 1e-12 for p, q in zip(ps, adjust(ps, method), strict=True))
    assert adjust([], "bh") == []


@pytest.mark.parametrize(
    ("corrected", "expected"),
    [
        ({"harms": 0.01, "improves": 0.01, "better": 0.01, "harmless": 0.01, "worse": 0.01}, "harms"),
        ({"harms": 0.06, "improves": 0.05, "better": 0.01, "harmless": 0.01}, "improves"),
        ({"harms": 0.9, "improves": 0.06, "better": 0.05, "harmless": 0.01}, "better"),
        ({"harms": 0.9, "better": 0.01, "harmless": 0.01}, "better"),  # random units were not tried
        ({"harms": 0.9, "improves": 1.0, "better": 1.0, "harmless": 0.05, "worse": 0.01}, "harmless"),
        ({"harms": 0.06, "improves": 1.0, "better": 1.0, "harmless": 0.06, "worse": 0.05}, "worse"),
        ({"better": 1.0, "worse": 0.01}, "worse"),  # no margin: nothing is shown to be within it or beyond it
        ({"harms": 0.06, "improves": 0.06, "better": 0.06, "harmless": 0.06, "worse": 0.06}, "undecided"),
        ({}, "undecided"),
    ],
)
def test_precedence(corrected: dict[Claim, float], expected: str) -> None:
    assert verdict(0.05, corrected) == expected


def test_every_combination_has_the_first_verdict_that_holds() -> None:
    assert VERDICTS == ("harms", "improves", "better", "harmless", "worse", "undecided")
    for ps in product([0.05, 0.051, None], repeat=len(CLAIMS)):
        holds = {claim: p for claim, p in zip(CLAIMS, ps, strict=True) if p is not None}
        first = [claim for claim in CLAIMS if holds.get(claim) == 0.05]
        assert verdict(0.05, holds) == (first[0] if first else "undecided")


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(-5, 5), min_size=3, max_size=8, unique=True))
def test_the_test_over_train_seeds_is_scipys(gains: list[float]) -> None:
    expected = ttest_1samp(gains, 0, alternative="greater").pvalue
    if np.std(gains) > 1e-6:
        assert seeds_p(np.array(gains)) == pytest.approx(expected)


def test_no_test_over_two_train_seeds_or_equal_ones() -> None:
    with pytest.raises(Undefined, match="2 train seeds, and a test needs 3"):
        seeds_p(np.array([1.0, 2.0]))
    with pytest.raises(Undefined, match="all 3 train seeds gave the same score"):
        seeds_p(np.ones(3))


def test_one_sided_p_counts_draws_beyond_the_bound() -> None:
    compared = contrast(0.0, np.array([-1.0, -0.5, -0.5, 0.0, 2.0]))
    assert compared.p_below(-0.5) == (1 + 4) / 6
    assert compared.p_above(-0.5) == (1 + 3) / 6
    assert compared.p_below(3.0) == 1 / 6
    assert compared.reversed().p_above(0.5) == compared.p_below(-0.5)


def test_the_interval_is_that_of_the_percentiles() -> None:
    boots = np.random.default_rng(0).permutation(np.arange(1001.0))
    compared = contrast(500.0, boots)
    assert (compared.low, compared.high) == pytest.approx((25, 975))
    assert compared.se == pytest.approx(np.std(np.arange(1001), ddof=1))
    turned = compared.reversed()
    assert (turned.delta, turned.low, turned.high) == (-500, -compared.high, -compared.low)


def test_draws_without_a_score_are_left_out_until_they_are_most() -> None:
    boots = np.array([1.0, 2.0, 3.0, np.nan])
    assert len(contrast(2.0, boots).boots) == 3
    with pytest.raises(Undefined, match="2 of 4 resamples have no score"):
        contrast(2.0, np.array([1.0, 2.0, np.nan, np.nan]))
    assert permutation_p(2.0, np.array([1.0, -2.0, np.nan, 2.5])) == (1 + 2) / 4


def test_a_permutation_p_counts_equal_differences_too() -> None:
    # 0.1 + 0.2 is not 0.3 in floating point, and yet as large.
    assert permutation_p(0.1 + 0.2, np.array([0.3, -0.3, 0.0])) == 3 / 4
    assert permutation_p(0.0, np.zeros(9)) == 1


def test_a_permutation_p_needs_something_to_compare() -> None:
    for observed, draws in ((np.nan, np.ones(3)), (1.0, np.full(3, np.nan))):
        with pytest.raises(Undefined, match="no difference has a score"):
            permutation_p(observed, draws)
    # Certain differences are farther off than any other.
    found = studentized(np.array([0.0, -2.0, 3.0, np.nan]), np.array([0.0, 0.0, 1.5, np.nan]))
    assert found[:3].tolist() == [0.0, -np.inf, 2.0]
    assert np.isnan(found[3])
    assert permutation_p(-np.inf, np.array([-np.inf, 1.0])) == 2 / 3


def test_the_smallest_effect_by_hand() -> None:
    assert smallest_effect(1.0, 0.05) == pytest.approx(1.959964 + 0.841621, abs=1e-5)


def test_against_draws_by_hand() -> None:
    draws, resamples = np.array([0.0, 1.0, 2.0, 5.0]), 4000
    rng = np.random.default_rng(0)
    boots = 4.0 + rng.normal(0, 0.3, resamples)
    found = against_draws(4.0, boots, draws, np.tile(draws[:, None], resamples), rng)
    assert found.comparison.delta == 4.0 - 2.0
    assert (found.draws, found.beaten) == (4, 3)
    # sd of (0, 1, 2, 5) is sqrt(14 / 3).
    spread = sqrt(14 / 3) * sqrt(1 + 1 / 4)
    assert found.p == pytest.approx(t.sf(2 / spread, 3))
    assert found.made.spread == pytest.approx(spread)
    assert (found.made.mean, found.made.draws) == (2.0, 4)
    # The mean of four draws with replacement has the variance 14/4 / 4; that of the pairs comes on top.
    assert found.comparison.se == pytest.approx(sqrt(14 / 4 / 4 + 0.3**2), rel=0.05)


def test_the_predictive_p_is_uniform_where_the_cell_is_a_draw_itself() -> None:
    rng = np.random.default_rng(1)
    none = np.zeros(100)
    ps = []
    for _ in range(600):
        drawn = rng.normal(size=6)
        ps.append(against_draws(drawn[0], none, drawn[1:], np.zeros((5, 100)), rng).p)
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(ps) == pytest.approx(0.5, abs=0.05)


def test_no_test_against_one_draw_or_equal_ones() -> None:
    rng, none = np.random.default_rng(0), np.zeros(10)
    with pytest.raises(Undefined, match="1 matched draws, and a test needs two"):
        against_draws(1.0, none, np.zeros(1), np.zeros((1, 10)), rng)
    with pytest.raises(Undefined, match="all 3 matched draws have the same score"):
        against_draws(1.0, none, np.ones(3), np.zeros((3, 10)), rng)
