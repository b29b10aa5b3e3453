"""The size of a gain that a verdict takes: by hand, against the correction itself, and by simulation.

python -m tests.statistics.test_power      # prints the figures of docs/statistics.md
"""

from __future__ import annotations

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
from ablate.statistics.power import DrawsMade, largest_p, smallest_gain, spread_of

LEVEL = 0.05
Floats = NDArray[np.float64]


@given(st.lists(st.floats(0.0001, 1), max_size=6), st.sampled_from(sorted(METHODS)))
@settings(max_examples=25, deadline=None)
def test_the_largest_p_is_where_the_correction_turns(others: list[float], method: str) -> None:
    p = largest_p(others, LEVEL, method)
    assert adjust([p * (1 - 1e-6), *others], method)[0] <= LEVEL
    assert adjust([p * (1 + 1e-6), *others], method)[0] > LEVEL


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


def test_with_draws_by_hand() -> None:
    draws = np.array([0.0, 1.0, 2.0, 5.0])
    made = DrawsMade.of(draws, np.tile(draws[:, None], 100_000))
    boots = np.random.default_rng(0).normal(3, 0.5, 100_000)
    assert spread_of(draws) == pytest.approx(sqrt(14 / 3) * sqrt(1 + 1 / 4))
    needed = 2 + t.isf(0.01, 3) * made.spread + norm.ppf(0.8) * 0.5
    assert smallest_gain(boots, 0.5, 1999, 0.01, [made]) == pytest.approx(needed, rel=0.01)


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
    """draws: matched draws. spread: the sd of their true gains. others: p of the other cells. method: of correction."""

    draws: int
    spread: float
    others: tuple[float, ...]
    method: str = "bh"


SETTINGS = {
    "20 draws, alone": Setting(20, 0.3, ()),
    "20 draws, 11 other cells without a gain": Setting(20, 0.3, (0.3, 0.5, 0.7, *[1.0] * 8)),
    "20 draws, 5 of 11 others improve": Setting(20, 0.3, (0.001,) * 5 + (0.6,) * 6),
    "3 draws, 11 other cells without a gain": Setting(3, 0.3, (0.3, 0.5, 0.7, *[1.0] * 8)),
    "20 draws that hardly differ": Setting(20, 0.02, (0.3, 0.5, 0.7)),
    "20 draws, Holm": Setting(20, 0.3, (0.001, 0.5, 0.7), "holm"),
}
PAIRS, PERMUTATIONS = 200, 999


class Sample(NamedTuple):
    """Gains of every pair over dense: [pairs] of the cell, less its true gain, and [pairs, draws] of its draws."""

    cell: Floats
    draws: Floats


def a_sample(rng: np.random.Generator, true_draws: Floats) -> Sample:
    """Fresh pairs. The noise of cell and draws is partly shared, since they are one model on the same pairs."""
    shared = rng.normal(0, 1.5, (PAIRS, 1))
    draws = true_draws + shared + rng.normal(0, 2, (PAIRS, len(true_draws)))
    return Sample(shared[:, 0] + rng.normal(0, 2, PAIRS), draws)


def stated(rng: np.random.Generator, sample: Sample, p: float) -> float | None:
    """The gain that is said to get the verdict."""
    weights = rng.multinomial(PAIRS, [1 / PAIRS] * PAIRS, 500) / PAIRS
    boots = weights @ sample.cell
    made = DrawsMade.of(sample.draws.mean(0), (weights @ sample.draws).T)
    return smallest_gain(boots, float(boots.std(ddof=1)), PERMUTATIONS, p, [made])


def improves(rng: np.random.Generator, gains: Floats, draws: Floats, p: float) -> bool:
    """Whether the verdict is ``improves``: p against dense by permutation (swaps of signs), and p against draws."""
    swapped = (rng.integers(0, 2, (PERMUTATIONS, PAIRS)) * 2 - 1) @ gains
    against_dense = (1 + (np.abs(swapped) >= abs(gains.sum())).sum()) / (1 + PERMUTATIONS)
    means = draws.mean(0)
    against_draws = t.sf((gains.mean() - means.mean()) / spread_of(means), len(means) - 1)
    return bool(gains.mean() > 0 and max(against_dense, against_draws) <= p)


def true_power(name: str, samples: int = 40, repeats: int = 40) -> tuple[float, float]:
    """The share of fresh samples of pairs with the verdict at the stated gain; and the mean of the stated gains.

    The draws (which masks) and the p of the other cells are the same in all samples of one trial.
    """
    setting = SETTINGS[name]
    rng = np.random.default_rng([3, len(name)])
    p = largest_p(setting.others, LEVEL, setting.method)
    found, sizes = [], []
    for _ in range(samples):
        true_draws = rng.normal(-0.2, setting.spread, setting.draws)
        gain = stated(rng, a_sample(rng, true_draws), p)
        assert gain is not None
        sizes.append(gain)
        for _ in range(repeats):
            fresh = a_sample(rng, true_draws)
            found.append(improves(rng, fresh.cell + gain, fresh.draws, p))
    return float(np.mean(found)), float(np.mean(sizes))


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_the_stated_gain_has_80_percent_power(name: str) -> None:
    assert 0.72 <= true_power(name)[0] <= 0.88


if __name__ == "__main__":
    for name in SETTINGS:
        power, size = true_power(name, 100, 40)
        print(f"{name}: true power {power:.1%} at a gain of {size:.2f}")
