"""Racing against published boundaries, scipy, exact enumeration, and simulations in which the truth is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm, t

from ablate.statistics.boundary import critical_value, crossing, information
from ablate.statistics.race import SHARES, allotted, deviations, limit, overtaken, standard_error
from tests.statistics.races import Population, run
from tests.statistics.simulated import rng


@pytest.mark.parametrize(("looks", "published"), [(1, 1.960), (2, 2.178), (3, 2.289), (4, 2.361), (5, 2.413)])
def test_the_boundary_is_the_published_one_of_pocock(looks: int, published: float) -> None:
    """Jennison and Turnbull (2000), table 2.1: two-sided at 0.05, which is one-sided at 0.025 but for both crossings."""
    equal = tuple(float(k + 1) for k in range(looks))
    assert critical_value(equal, 0.025) == pytest.approx(published, abs=6e-4)


@pytest.mark.parametrize("level", [0.05, 0.0125, 0.001])
def test_the_boundary_of_unequal_looks_is_that_of_the_normal_distribution_in_scipy(level: float) -> None:
    times = np.array(information(allotted([1500, 500]), (1500, 500)))
    c = critical_value(tuple(times), level)
    covariance = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
    inside = multivariate_normal.cdf(np.full(4, c), np.zeros(4), covariance, maxpts=10**7, abseps=1e-7, releps=1e-7)
    assert 1 - inside == pytest.approx(level, rel=5e-3)
    assert norm.isf(level) < c < norm.isf(level / 4)
    assert crossing(tuple(times), c) == pytest.approx(level, rel=1e-6)


def test_the_errors_of_growing_samples_of_a_fixed_set_have_the_information_that_the_boundary_takes() -> None:
    """Exactly, over all orders of six items: the covariance of the errors at shares f < g is the variance at g."""
    items = np.array([1.0, 4.0, 2.0, 8.0, 5.0, 7.0])
    variance = items.var() * len(items) / (len(items) - 1)
    errors = {
        size: np.mean([(np.mean(chosen) - items.mean()) ** 2 for chosen in combinations(items, size)])
        for size in (1, 2, 3)
    }
    for size, squared in errors.items():
        (time,) = information(((size / 6,),), (6,))
        assert squared == pytest.approx(variance / time)
        # Of two tasks that are alike the errors add up.
        (of_two,) = information(((size / 6, 1.0),), (6, 100))
        assert of_two == pytest.approx(time)
    nested = [
        (np.mean(first) - items.mean()) * (np.mean(second) - items.mean())
        for second in combinations(items, 3)
        for first in combinations(second, 1)
    ]
    assert np.mean(nested) == pytest.approx(errors[3])


def test_every_task_gives_as_many_items_while_it_has_any_left() -> None:
    assert allotted([800]) == tuple((share,) for share in SHARES)
    first, second, third, last = allotted([1500, 500])
    assert np.array(first) * [1500, 500] == pytest.approx([125, 125])
    assert np.array(second) * [1500, 500] == pytest.approx([250, 250])
    assert np.array(third) * [1500, 500] == pytest.approx([500, 500])
    assert np.array(last) * [1500, 500] == pytest.approx([1000, 500])


def test_a_limit_is_as_many_standard_errors_away_as_student_says() -> None:
    c = critical_value(information(allotted([100]), (100,)), 0.05)
    assert limit([100], 30, 0.05) == pytest.approx(t.isf(norm.sf(c), 29))
    assert limit([100], 10**9, 0.05) == pytest.approx(c, abs=1e-4)
    assert standard_error(np.array([1.0, 3.0, np.nan, 5.0])) == pytest.approx(2.0)
    assert standard_error(np.array([1.0, np.nan])) is None
    assert deviations(np.array([1.0, 3.0, np.nan]), 0.75).tolist()[:2] == [-0.5, 0.5]
    assert not deviations(np.array([1.0, 3.0]), 1.0).any()


def test_what_stops_by_hand() -> None:
    # Differences to the leader, the second, with a standard error of 1, 0, 0 and 1, and a limit 2 errors away.
    gains = np.array([-3.0, 0.0, 0.0, -1.9, np.nan])
    noise = np.array([-1.0, 1.0] * 500) * np.sqrt(999 / 1000)
    errors = np.array([noise, 0 * noise, 0 * noise, noise, 0 * noise])
    debts = np.zeros(5)
    assert overtaken(gains, errors, 2.0, 0.0, debts).tolist() == [True, False, False, False, False]
    assert debts.tolist() == [0.0] * 5
    # The fourth may be better by 0.1. With a margin of 0.2 it stops, and the leader owes that.
    assert overtaken(gains, errors, 2.0, 0.2, debts).tolist() == [True, False, True, True, False]
    assert debts == pytest.approx([0, 0.1, 0, 0, 0])
    # It may be better than a later leader by 0.15, which is below the margin, but what it owes comes on top.
    gains[2] = 0.05
    later = errors.copy()
    later[1] = noise / 10
    assert not overtaken(gains[1:3], later[1:3], 2.0, 0.2, debts[1:3]).any()
    assert overtaken(gains[1:3], later[1:3], 2.0, 0.2, np.zeros(2)).tolist() == [True, False]
    assert not overtaken(np.full(5, np.nan), errors, 2.0, 1.0, debts).any()


def test_limits_hold_at_all_looks_and_the_best_is_rarely_stopped() -> None:
    """A small version of ``test_race_simulations.py``, with bounds four standard errors wide."""
    random = rng(3)
    missed = stopped = 0
    races = 150
    for _ in range(races):
        population = Population.of([320], [1.0, 1.0, 1.0], 0.5, random)
        race = run(population, random, draws=100)
        missed += int(race.missed[1])
        stopped += int(race.stopped[int(population.truth.argmax())])
    bound = 0.05 + 4 * np.sqrt(0.05 * 0.95 / races)
    assert missed / races < bound
    assert stopped / races < bound


def test_a_clearly_worse_cell_stops_at_once() -> None:
    random = rng(4)
    population = Population.of([600, 200], [1.0, 4.0, 4.0], 0.5, random)
    race = run(population, random)
    assert race.stopped.tolist() == [False, True, True]
    assert race.seen == 800 + 2 * 100
