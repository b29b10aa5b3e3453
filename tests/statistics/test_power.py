"""The size of a gain that a verdict takes: by hand, against the correction itself, and by simulation.

python -m tests.statistics.test_power      # prints the figures of docs/statistics.md
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm, t

from ablate.statistics.compare import smallest_effect
from ablate.statistics.correction import METHODS, adjust
from ablate.statistics.power import DrawsMade, ErrorAtPower, largest_ps, smallest_gain, spread_of

LEVEL = 0.05
Floats = NDArray[np.float64]


@given(st.lists(st.floats(0.0001, 1), max_size=6), st.sampled_from(sorted(METHODS)))
@settings(max_examples=25, deadline=None)
def test_the_largest_p_is_where_the_correction_turns(others: list[float], method: str) -> None:
    p = largest_p(others, LEVEL, method)
    assert adjust([p * (1 - 1e-6), *others], method)[0] <= LEVEL
    assert adjust([p * (1 + 1e-6), *others], method)[0] > LEVEL


@given(
    st.lists(st.sampled_from([0.001, 0.004, 0.01, 0.012, 0.03, 0.2]), min_size=1, max_size=9), st.sampled_from(METHODS)
)
@settings(max_examples=100, deadline=None)
def test_a_claims_own_p_has_no_influence(ps: list[float], method: str) -> None:
    together = largest_ps(ps, LEVEL, method)
    alone = [largest_p([*ps[:i], *ps[i + 1 :]], LEVEL, method) for i in range(len(ps))]
    assert together.tolist() == pytest.approx(alone)


def largest_p(others: Sequence[float], level: float, method: str) -> float:
    return float(largest_ps([1.0, *others], level, method)[0])


def test_the_largest_p_by_hand() -> None:
    assert largest_p([], 0.05, "bh") == pytest.approx(0.05)
    # Of 4, the second smallest may be 0.025 if the first is, and the third 0.0375 if two are.
    assert largest_p([0.5, 0.6, 0.7], 0.05, "bh") == pytest.approx(0.0125)
    assert largest_p([0.02, 0.6, 0.7], 0.05, "bh") == pytest.approx(0.025)
    assert largest_p([0.02, 0.03, 0.7], 0.05, "bh") == pytest.approx(0.0375)
    assert largest_p([0.01, 0.6, 0.7], 0.05, "holm") == pytest.approx(0.05 / 3)


def test_without_draws_it_is_the_power_of_a_single_test() -> None:
    boots = np.random.default_rng(0).normal(3, 0.5, 200_000)
    # 0.05 is the 5,000th of 99,999 permutations and the observed one.
    assert smallest_gain(boots, 0.5, 99_999, LEVEL) == pytest.approx(smallest_effect(0.5, LEVEL), rel=0.01)


@pytest.mark.parametrize("lost", [0, 1, 40])
@pytest.mark.parametrize("resamples", [3, 100, 101, 999, 2000])
def test_two_errors_tell_the_quantile_of_all(resamples: int, lost: int) -> None:
    """They are all that is stored of a cell without rivals, and give numpy's quantile to the last bit."""
    rng = np.random.default_rng(resamples + lost)
    for _ in range(20):
        boots = rng.normal(3, 0.5, resamples)
        boots[: min(lost, resamples // 2)] = np.nan
        se = float(np.nanstd(boots))
        needed = float(norm.isf(25 / 2000 / 2)) * se
        every = np.nanquantile(needed - (boots - np.nanmean(boots)), 0.8)
        assert ErrorAtPower.of(boots).smallest_gain(se, 1999, 25 / 2000) == every


def test_with_draws_by_hand() -> None:
    draws = np.array([0.0, 1.0, 2.0, 5.0])
    made = DrawsMade.of(draws, np.tile(draws[:, None], 100_000))
    boots = np.random.default_rng(0).normal(3, 0.5, 100_000)
    assert spread_of(draws) == pytest.approx(sqrt(14 / 3) * sqrt(1 + 1 / 4))
    needed = 2 + t.isf(0.01, 3) * made.spread + norm.ppf(0.8) * 0.5
    assert smallest_gain(boots, 0.5, 1999, 0.01, [made]) == pytest.approx(needed, rel=0.01)


def test_of_several_kinds_of_rivals_the_one_that_takes_most_decides() -> None:
    def made(*gains: float) -> DrawsMade:
        return DrawsMade.of(np.array(gains), np.tile(np.array(gains)[:, None], 100_000))

    draws, searches = made(0.0, 1.0, 2.0, 5.0), made(4.0, 5.0, 6.0)
    boots = np.random.default_rng(0).normal(3, 0.5, 100_000)
    sd, mean = {4: sqrt(14 / 3), 3: 1.0}, {4: 2.0, 3: 5.0}
    needed = {d: mean[d] + t.isf(0.05, d - 1) * sd[d] * sqrt(1 + 1 / d) for d in (4, 3)}
    assert needed[3] > needed[4] + 0.5
    alone = needed[4] + norm.ppf(0.8) * 0.5
    both = needed[3] + norm.ppf(0.8) * 0.5
    assert smallest_gain(boots, 0.5, 1999, 0.05, [draws]) == pytest.approx(alone, rel=0.01)
    for rivals in ([draws, searches], [searches, draws], [searches]):
        assert smallest_gain(boots, 0.5, 1999, 0.05, rivals) == pytest.approx(both, rel=0.01)


def test_no_gain_is_enough_where_a_permutation_cannot_give_so_small_a_p() -> None:
    boots = np.random.default_rng(0).normal(size=100)
    assert smallest_gain(boots, 1.0, 1999, 0.0004) is None
    assert smallest_gain(boots, 1.0, 1999, 0.0005) is not None


def test_draws_that_are_alike_on_most_pairs_promise_nothing() -> None:
    rng = np.random.default_rng(0)
    boots = np.tile(rng.normal(size=(1, 400)), (2, 1))
    boots[1, :100] += 1
    assert smallest_gain(rng.normal(size=400), 1.0, 1999, LEVEL, [DrawsMade.of(np.array([0.0, 1.0]), boots)]) is None


class Setting(NamedTuple):
    """What a cell is compared with.

    draws: matched draws. spread: the sd of their true gains. others: p of the other cells. method: of correction.
    searches: the best masks of random searches, whose true gains are better by 0.6 on average, with a spread of 0.15.
    """

    draws: int
    spread: float
    others: tuple[float, ...]
    method: str = "bh"
    searches: int = 0


SETTINGS = {
    "20 draws, alone": Setting(20, 0.3, ()),
    "20 draws, 11 other cells without a gain": Setting(20, 0.3, (0.3, 0.5, 0.7, *[1.0] * 8)),
    "20 draws, 5 of 11 others improve": Setting(20, 0.3, (0.001,) * 5 + (0.6,) * 6),
    "3 draws, 11 other cells without a gain": Setting(3, 0.3, (0.3, 0.5, 0.7, *[1.0] * 8)),
    "20 draws that hardly differ": Setting(20, 0.02, (0.3, 0.5, 0.7)),
    "20 draws, Holm": Setting(20, 0.3, (0.001, 0.5, 0.7), "holm"),
    "20 draws and 10 random searches": Setting(20, 0.3, (0.3, 0.5, 0.7), searches=10),
}
PAIRS, PERMUTATIONS = 200, 999


class Sample(NamedTuple):
    """Gains of every pair over dense: [pairs] of the cell, less its true gain, and [pairs, masks] of its rivals."""

    cell: Floats
    rivals: Floats


def a_sample(rng: np.random.Generator, true_rivals: Floats) -> Sample:
    """Fresh pairs. The noise of cell and rivals is partly shared, since they are one model on the same pairs."""
    shared = rng.normal(0, 1.5, (PAIRS, 1))
    rivals = true_rivals + shared + rng.normal(0, 2, (PAIRS, len(true_rivals)))
    return Sample(shared[:, 0] + rng.normal(0, 2, PAIRS), rivals)


def kinds(rivals: Floats, draws: int) -> list[Floats]:
    """The rivals, [masks] or [masks, resamples], as the tests have them: draws, and searches where there are any."""
    return [kind for kind in (rivals[:draws], rivals[draws:]) if len(kind)]


def stated(rng: np.random.Generator, sample: Sample, draws: int, p: float) -> float | None:
    """The gain that is said to get the verdict."""
    weights = rng.multinomial(PAIRS, [1 / PAIRS] * PAIRS, 500) / PAIRS
    boots = weights @ sample.cell
    means, resampled = kinds(sample.rivals.mean(0), draws), kinds((weights @ sample.rivals).T, draws)
    made = [DrawsMade.of(*kind) for kind in zip(means, resampled, strict=True)]
    return smallest_gain(boots, float(boots.std(ddof=1)), PERMUTATIONS, p, made)


def improves(swaps: Floats, gains: Floats, rivals: Floats, draws: int, p: float) -> bool:
    """Whether the verdict is ``improves``: p against dense by permutation, and p against each kind of rivals.

    swaps: 1 or -1, [permutations, pairs].
    """
    swapped = swaps @ gains
    ps = [(1 + (np.abs(swapped) >= abs(gains.sum())).sum()) / (1 + PERMUTATIONS)]
    for means in kinds(rivals.mean(0), draws):
        ps.append(t.sf((gains.mean() - means.mean()) / spread_of(means), len(means) - 1))
    return bool(gains.mean() > 0 and max(ps) <= p)


class Power(NamedTuple):
    """The share of fresh samples of pairs with the verdict at the stated gain, and the mean of the stated gains."""

    share: float
    gain: float


def true_power(name: str, samples: int = 2000, repeats: int = 8, known_searches: bool = True) -> Power:
    """In each trial, the rivals (which masks) and the p of the other cells are the same in all samples of pairs.

    known_searches: whether the searches count for the stated gain; they always count for the verdict.
    """
    setting = SETTINGS[name]
    rng = np.random.default_rng([3, len(name)])
    p = largest_p(setting.others, LEVEL, setting.method)
    found, sizes = [], []
    for _ in range(samples):
        true_rivals = np.append(
            rng.normal(-0.2, setting.spread, setting.draws), rng.normal(0.4, 0.15, setting.searches)
        )
        first = a_sample(rng, true_rivals)
        known = first if known_searches else Sample(first.cell, first.rivals[:, : setting.draws])
        gain = stated(rng, known, setting.draws, p)
        assert gain is not None
        sizes.append(gain)
        # The same swaps for all repeats: they are random, and do not depend on the pairs.
        swaps = np.asarray(rng.integers(0, 2, (PERMUTATIONS, PAIRS)) * 2 - 1, np.float64)
        for _ in range(repeats):
            fresh = a_sample(rng, true_rivals)
            found.append(improves(swaps, fresh.cell + gain, fresh.rivals, setting.draws, p))
    return Power(float(np.mean(found)), float(np.mean(sizes)))


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_the_stated_gain_has_80_percent_power(name: str) -> None:
    assert 0.75 <= true_power(name).share <= 0.85


SEARCHED = "20 draws and 10 random searches"


@pytest.mark.slow
def test_a_gain_that_does_not_count_the_searches_promises_too_much() -> None:
    without = true_power(SEARCHED, 300, known_searches=False)
    counted = true_power(SEARCHED, 300)
    assert without.gain < counted.gain - 0.1
    assert without.share < 0.7


if __name__ == "__main__":
    for name in SETTINGS:
        power, size = true_power(name)
        print(f"{name}: true power {power:.1%} at a gain of {size:.2f}")
    power, size = true_power(SEARCHED, 300, known_searches=False)
    print(f"{SEARCHED}, which the stated gain does not count: true power {power:.1%} at a gain of {size:.2f}")
