"""Simulations with a known truth: how often the tests are wrong, and how often they find what there is.

A gold signal, and two models that add independent noise to it. With noise of one size there is no difference to find;
with two sizes the true difference is known: Spearman's correlation of a bivariate normal is (6 / pi) asin(r / 2).

    python -m tests.statistics.test_compare_simulations      # prints the figures of docs/statistics.md
"""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, pi, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate.statistics.compare import contrast, permutation_p, smallest_effect
from ablate.statistics.metric import SPEARMAN
from ablate.statistics.panel import Panel
from ablate.statistics.resample import Joint, Judged

LEVEL = 0.05
PAIRS = 250
NULL = (0.6, 0.6)
DIFFERENT = (0.6, 0.813)
"""Noise of the two models; the true difference is about the smallest that 250 pairs can find with 80 % power."""


@dataclass(frozen=True)
class Outcomes:
    """Of many comparisons: p by permutation, whether the interval holds the truth, the smallest effect stated."""

    p: NDArray[np.float64]
    covered: NDArray[np.bool_]
    smallest: NDArray[np.float64]
    harmless: NDArray[np.float64]

    @property
    def rejected(self) -> float:
        return float((self.p <= LEVEL).mean())


def truth(noise: tuple[float, float]) -> float:
    """The true difference of the two models' scores, in points."""
    one, two = (600 / pi * asin(1 / sqrt(1 + size**2) / 2) for size in noise)
    return one - two


def simulate(comparisons: int, noise: tuple[float, float], draws: int = 500, tasks: int = 1) -> Outcomes:
    """Comparisons on fresh pairs each time; of the mean over ``tasks`` tasks."""
    found = []
    for number in range(comparisons):
        rng = np.random.default_rng([17, number])
        judged, values = {}, {}
        for place in map(str, range(tasks)):
            gold = rng.normal(size=PAIRS)
            a, b = ((gold + size * rng.normal(size=PAIRS)).astype(np.float32) for size in noise)
            cluster = np.arange(PAIRS) + PAIRS * int(place)
            panel = Panel(place, gold, np.ones(PAIRS, bool), cluster, np.zeros(PAIRS, np.int32))
            judged[place], values[place] = Judged(panel, SPEARMAN), {"a": a, "b": b}
        joint = Joint(judged, draws, number)
        boots = joint.bootstrap(values)
        exchanged = joint.permute({"": {place: [(one["a"], one["b"])] for place, one in values.items()}})[""]
        scores = [
            SPEARMAN.value(one["a"], judged[place].panel.gold) - SPEARMAN.value(one["b"], judged[place].panel.gold)
            for place, one in values.items()
        ]
        delta = float(np.mean(scores))
        compared = contrast(delta, np.mean([one["a"] - one["b"] for one in boots.values()], axis=0))
        swapped = exchanged[""]
        p = permutation_p(swapped.observed, swapped.differences)
        covered = compared.low <= truth(noise) <= compared.high
        # Not worse by the true difference or more: at the very edge of what harmless denies.
        harmless = compared.reversed().p_above(-truth(noise))
        found.append((p, covered, smallest_effect(compared.se, LEVEL), harmless))
    columns = np.array(found, float).T
    return Outcomes(columns[0], columns[1] > 0, columns[2], columns[3])


def binomial(comparisons: int, share: float, sds: float = 4) -> float:
    return sds * sqrt(share * (1 - share) / comparisons)


def test_no_difference_is_found_in_5_of_100_where_there_is_none() -> None:
    found = simulate(200, NULL, draws=200)
    assert found.rejected == pytest.approx(LEVEL, abs=binomial(200, LEVEL))
    assert found.covered.mean() == pytest.approx(0.95, abs=binomial(200, 0.95) + 0.01)


def test_the_smallest_effect_is_found_in_80_of_100() -> None:
    found = simulate(120, DIFFERENT, draws=200)
    assert truth(DIFFERENT) == pytest.approx(found.smallest.mean(), rel=0.03)
    assert found.rejected == pytest.approx(0.8, abs=binomial(120, 0.8))


@pytest.mark.slow
def test_type_1_error_of_2000_null_comparisons() -> None:
    for tasks in (1, 3):
        found = simulate(2000, NULL, tasks=tasks)
        assert 0.035 <= found.rejected <= 0.065
        assert 0.93 <= found.covered.mean() <= 0.97


@pytest.mark.slow
def test_power_at_the_smallest_effect() -> None:
    found = simulate(2000, DIFFERENT)
    assert truth(DIFFERENT) == pytest.approx(found.smallest.mean(), rel=0.03)
    assert 0.77 <= found.rejected <= 0.83
    assert (found.harmless <= LEVEL).mean() == pytest.approx(LEVEL, abs=0.02)


if __name__ == "__main__":
    for name, noise, tasks in (("none", NULL, 1), ("none", NULL, 3), ("smallest", DIFFERENT, 1)):
        found = simulate(2000, noise, tasks=tasks)
        print(
            f"true difference {name} ({truth(noise):.2f}), {tasks} task(s): p <= {LEVEL} in {found.rejected:.1%},"
            f" interval holds it in {found.covered.mean():.1%}, smallest effect {found.smallest.mean():.2f},"
            f" called harmless at its edge in {(found.harmless <= LEVEL).mean():.1%}"
        )
