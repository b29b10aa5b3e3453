"""Racing against published boundaries, scipy, exact enumeration, and simulations in which the truth is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm, t

from ablate.statistics.boundary import critical_value, crossing, information
from ablate.statistics.race import FEWEST, SHARES, overtaken, quantile, standard_error
from tests.statistics.races import Population, run
from tests.statistics.simulated import rng


@pytest.mark.parametrize(("looks", "published"), [(1, 1.960), (2, 2.178), (3, 2.289), (4, 2.361), (5, 2.413)])
def test_the_boundary_is_the_published_one_of_pocock(looks: int, published: float) -> None:
    """Jennison and Turnbull (2000), table 2.1: two-sided at 0.05, which is one-sided at 0.025 but for both crossings."""
    equal = tuple(float(k + 1) for k in range(looks))
    assert critical_value(equal, 0.025) == pytest.approx(published, abs=6e-4)


@pytest.mark.parametrize("level", [0.05, 0.0125, 0.001])
def test_the_boundary_of_unequal_looks_is_that_of_the_normal_distribution_in_scipy(level: float) -> None:
    times = np.array(information(SHARES))
    c = critical_value(tuple(times), level)
    covariance = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
    inside = multivariate_normal(np.zeros(3), covariance, seed=0, abseps=1e-8, releps=1e-8).cdf(np.full(3, c))
    assert 1 - inside == pytest.approx(level, rel=1e-3)
    assert norm.isf(level) < c < norm.isf(level / 3)
    assert crossing(tuple(times), c) == pytest.approx(level, rel=1e-6)


def test_the_errors_of_growing_samples_of_a_fixed_set_have_the_information_that_the_boundary_takes() -> None:
    """Exactly, over all orders of six items: the covariance of the errors at shares f < g is that at g."""
    items = np.array([1.0, 4.0, 2.0, 8.0, 5.0, 7.0])
    variance = items.var() * len(items) / (len(items) - 1) / len(items)
    errors = {
        size: np.mean([(np.mean(chosen) - items.mean()) ** 2 for chosen in combinations(items, size)])
        for size in (1, 2, 3)
    }
    for size, squared in errors.items():
        (time,) = information((size / 6,))
        assert squared == pytest.approx(variance / time)
    nested = [
        (np.mean(first) - items.mean()) * (np.mean(second) - items.mean())
        for second in combinations(items, 3)
        for first in combinations(second, 1)
    ]
    assert np.mean(nested) == pytest.approx(errors[3])


def test_a_limit_is_as_many_standard_errors_away_as_student_says() -> None:
    c = critical_value(information(SHARES), 0.05)
    assert quantile(30, 0.05) == pytest.approx(t.isf(norm.sf(c), 29))
    assert quantile(10**9, 0.05) == pytest.approx(c, abs=1e-4)
    boots = np.array([1.0, 3.0, np.nan, 5.0])
    assert standard_error(boots, 0.25) == pytest.approx(2.0 * np.sqrt(0.75))
    assert standard_error(np.array([1.0, np.nan]), 0.25) is None


def test_what_stops_by_hand() -> None:
    # Differences to the leader, the second: -3, 0 (alike), -0.1, none, and the standard error is sqrt(7/8) × 1.
    gains = np.array([-3.0, 0.0, 0.0, -0.1, np.nan])
    noise = np.array([-1.0, 1.0] * 500) * np.sqrt(999 / 1000)
    zero = np.zeros(1000)
    boots = np.array([noise, zero, zero, noise, zero])
    at = quantile(100, 0.05 / 4) * np.sqrt(7 / 8)
    assert 2.4 < at < 2.6
    assert overtaken(gains, boots, 0.125, 100, 4, 0.05).tolist() == [True, False, False, False, False]
    assert not overtaken(gains + [3 - at + 0.01, 0, 0, 0, 0], boots, 0.125, 100, 4, 0.05).any()
    assert overtaken(gains + [3 - at - 0.01, 0, 0, 0, 0], boots, 0.125, 100, 4, 0.05)[0]
    assert not overtaken(gains, boots, 0.125, FEWEST - 1, 4, 0.05).any()
    assert not overtaken(np.full(5, np.nan), boots, 0.125, 100, 4, 0.05).any()
    # With a larger share less is left to learn, and the limit is nearer.
    assert overtaken(gains + [1.0, 0, 0, 0, 0], boots, 0.5, 100, 4, 0.05)[0]


def test_limits_hold_at_all_looks_and_the_best_is_rarely_stopped() -> None:
    """A small version of ``test_race_simulations.py``, with bounds four standard errors wide."""
    random = rng(3)
    missed = stopped = 0
    races = 200
    for _ in range(races):
        population = Population.of(400, [1.0, 1.0, 1.0], 0.5, random)
        race = run(population, random)
        missed += int(race.missed[1])
        stopped += int(race.stopped[int(population.truth.argmax())])
    bound = 0.05 + 4 * np.sqrt(0.05 * 0.95 / races)
    assert missed / races < bound
    assert stopped / races < bound


def test_a_clearly_worse_cell_stops_at_once() -> None:
    random = rng(4)
    population = Population.of(800, [1.0, 4.0, 4.0], 0.5, random)
    race = run(population, random)
    assert race.stopped.tolist() == [False, True, True]
    assert race.seen == 800 + 2 * 100
