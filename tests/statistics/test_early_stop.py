"""Draws that stop early: when they are looked at, and what is settled, by hand and against plain simulation."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from ablate.statistics.compare import against_draws
from ablate.statistics.correction import METHODS, adjust, sure_level
from ablate.statistics.early_stop import CHANCE, least_statistic, settled
from ablate.statistics.looks import FEWEST, Look, Looks

TWENTY = Looks.of(20)
FIVE = Look(TWENTY, 5)


def test_looks_by_hand() -> None:
    asked = {20: (5, 10, 20), 9: (5, 9), 8: (8,), 1: (1,), 10: (5, 10), 50: (7, 13, 25, 50), 100: (7, 13, 25, 50, 100)}
    assert {most: Looks.of(most).numbers for most in asked} == asked
    assert [Looks.of(most).several for most in (8, 9)] == [False, True]
    assert [TWENTY.share(made) for made in (5, 10, 20)] == pytest.approx([0.1, 0.1, 0.8])
    assert [Looks.of(8).share(made) for made in (1, 8)] == [1.0, 1.0]


@given(st.integers(1, 2000))
def test_the_shares_of_all_looks_are_the_level(most: int) -> None:
    looks = Looks.of(most)
    assert sum(looks.share(number) for number in looks.numbers) == pytest.approx(1)
    assert looks.numbers[-1] == most
    assert looks.several == (most >= 9)
    assert all(FEWEST <= a < b <= 2 * a for a, b in zip(looks.numbers, looks.numbers[1:], strict=False))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30), st.sampled_from(METHODS), st.lists(st.floats(0, 1), max_size=29))
def test_at_the_sure_level_a_claim_holds_whatever_the_others_are(family: int, method: str, others: list[float]) -> None:
    others = [*others, *[1.0] * 29][: family - 1]
    sure = sure_level(0.05, family, method)
    assert adjust([sure * (1 - 1e-9), *others], method)[0] <= 0.05
    assert adjust([sure * 1.001, *[1.0] * (family - 1)], method)[0] > 0.05


DRAWS = np.array([0.0, 1.0, -1.0, 0.5, -0.5])
"""Mean 0, sd sqrt(0.625): one more is off by sqrt(0.75) times Student's t with 4 degrees of freedom."""


def test_beats_by_hand() -> None:
    # The first of three looks has a tenth of the level, so that a p of 0.05 takes 0.005.
    edge = sqrt(0.75) * float(t.isf(0.1 * 0.05, 4))
    assert settled(edge + 1e-6, DRAWS, FIVE, 0.05, 0.05) == "beats"
    assert settled(edge - 1e-6, DRAWS, FIVE, 0.05, 0.05) is None
    # In a family of ten, a p that holds whatever the others do is a tenth of that.
    assert settled(edge + 1e-6, DRAWS, FIVE, 0.05, 0.005) is None
    # Nine draws are looked at twice, so that the first look has a fifth.
    wider = sqrt(0.75) * float(t.isf(0.2 * 0.05, 4))
    assert settled(wider + 1e-6, DRAWS, Look(Looks.of(9), 5), 0.05, 0.05) == "beats"


def test_fails_by_the_chance_that_is_left() -> None:
    assert settled(0.0, DRAWS, FIVE, 0.05, 0.05) == "fails"
    assert settled(-9.0, DRAWS, FIVE, 0.05, 0.05) == "fails"
    # At the end nothing is left to be settled.
    assert settled(0.0, np.tile(DRAWS, 4), Look(TWENTY, 20), 0.05, 0.05) is None
    # At a stricter level there is less of a chance.
    assert least_statistic(5, 15, 0.008) > least_statistic(5, 15, 0.04) > 0
    assert least_statistic(10, 10, 0.04) > least_statistic(5, 15, 0.04)


@pytest.mark.parametrize(("d", "more", "p"), [(5, 15, 0.04), (10, 10, 0.04), (5, 4, 0.008), (4, 15, 0.04)])
def test_the_chance_is_that_of_draws_of_which_these_are_a_sample(d: int, more: int, p: float) -> None:
    """With a flat prior, P(success | statistic) is the share of successes among samples with this statistic.

    Drawn the other way around: the mean and log sd of the draws are as likely to be anything, and samples of d draws
    are shifted and scaled such that they have mean 0 and sd 1, which leaves the true mean and sd of each.
    """
    rng = np.random.default_rng(4)
    first = rng.normal(size=(60_000, d))
    rest = rng.normal(size=(60_000, more))
    mean, sd = first.mean(1, keepdims=True), first.std(1, ddof=1, keepdims=True)
    both = np.hstack([(first - mean) / sd, (rest - mean) / sd])
    n = d + more
    gain = least_statistic(d, more, p) * sqrt(1 + 1 / d)
    of_all = (gain - both.mean(1)) / (both.std(1, ddof=1) * sqrt(1 + 1 / n))
    assert float((t.sf(of_all, n - 1) <= p).mean()) == pytest.approx(CHANCE, abs=0.002)


def test_nothing_is_settled_of_draws_that_do_not_differ() -> None:
    assert settled(1.0, np.zeros(5), FIVE, 0.05, 0.05) is None
    assert settled(1.0, DRAWS[:1], FIVE, 0.05, 0.05) is None


def test_p_allows_for_the_looks_and_power_is_that_of_all_draws() -> None:
    boots = np.random.default_rng(1).normal(size=(6, 400))

    def of(look: Look | None, gain: float = 2.5) -> tuple[float, float]:
        rng = np.random.default_rng(0)
        found = against_draws(gain, gain + boots[0], DRAWS, DRAWS[:, None] + boots[1:], rng, look=look)
        return found.p, float(np.median(found.made.needed(0.05)))

    alone, of_look = of(None), of(FIVE)
    assert alone[0] == pytest.approx(float(t.sf(2.5 / sqrt(0.75), 4)))
    assert of_look[0] == pytest.approx(10 * alone[0])
    assert of(FIVE, gain=-1.0)[0] == 1.0
    # A cell that gains more is given all draws, and its p then takes 0.8 × 0.05.
    last = sqrt(0.625 * 1.05) * float(t.isf(0.04, 19))
    assert of_look[1] - alone[1] == pytest.approx(last - sqrt(0.75) * float(t.isf(0.05, 4)), rel=0.1)
