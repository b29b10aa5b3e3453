"""The statistics of prevalence against truth: simulations with a known share, integrals, brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import false_discovery_control, norm, spearmanr

from ablate.statistics.compare import contrast
from ablate.statistics.discovery import confirmed, discoveries, p_better
from ablate.statistics.halves import on_halves
from ablate.statistics.hurting_share import above_zero, share
from ablate.statistics.metric import SPEARMAN
from ablate.statistics.panel import Panel
from ablate.statistics.replication import replication
from ablate.statistics.resample import Joint, Judged
from ablate.statistics.sequence import largest_harmless

Floats = NDArray[np.float64]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


STILL = np.zeros(50)
"""Draws of the pairs that move nothing."""


def draw(
    units: int, mean: float, sd: float, error: float, random: np.random.Generator, common: float = 0.0
) -> tuple[Floats, Floats, Floats]:
    """True gains, measured gains, and the errors that they were measured with, of which ``common`` is one for all."""
    truth = random.normal(mean, sd, units)
    errors = error * random.uniform(0.7, 1.3, units)
    noise = np.sqrt(common) * random.normal() + np.sqrt(1 - common) * random.normal(size=units)
    return truth, truth + errors * noise, errors


def panel(task: str, gold: Any, clusters: Any = None) -> Panel:
    n = len(gold)
    numbers = np.arange(n) if clusters is None else clusters
    return Panel(task, np.asarray(gold, float), np.ones(n, bool), np.asarray(numbers, np.int64), np.zeros(n, np.int32))


@pytest.mark.parametrize("common", [0.0, 0.3])
@pytest.mark.parametrize(
    ("units", "mean", "sd", "error"), [(72, -0.2, 0.5, 0.3), (288, -0.1, 0.1, 0.1), (144, 0.0, 0.2, 0.2)]
)
def test_the_share_has_little_bias_and_its_interval_covers_the_truth(
    units: int, mean: float, sd: float, error: float, common: float
) -> None:
    """Also where the units' errors correlate: they are taken on the same pairs."""
    random, found, naive, rejected, true, covered = rng(), [], [], [], [], []
    for _ in range(100):
        truth, gains, errors = draw(units, mean, sd, error, random, common)
        shifts = random.normal(0, error * np.sqrt(common + (1 - common) / units), 100)
        one = share(gains, errors, shifts, random)
        found.append(one.value)
        naive.append((gains > 0).mean())
        rejected.append(discoveries(gains, errors).mean())
        true.append((truth > 0).mean())
        covered.append(one.low <= true[-1] <= one.high)
    assert abs(np.mean(found) - np.mean(true)) < (0.05 if common else 0.02)
    assert np.mean(covered) >= 0.88
    if not common:
        assert np.mean(rejected) < np.mean(true) - 0.1, "rejections count power, not units"
        assert mean == 0 or np.mean(naive) - np.mean(true) > 2 * abs(np.mean(found) - np.mean(true))
    without = share(gains, errors, np.zeros(100), random)
    assert not common or without.high - without.low < 0.8 * (one.high - one.low)


def test_the_prior_is_that_of_highest_likelihood() -> None:
    _, gains, errors = draw(72, -0.2, 0.5, 0.3, rng(1))

    def cost(at: Floats) -> float:
        return float(-norm.logpdf(gains, at[0], np.hypot(at[1], errors)).sum())

    best = minimize(cost, [0.0, 0.3], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
    one = share(gains, errors, STILL, rng())
    assert one.mean == pytest.approx(best.x[0], abs=0.005)
    assert one.sd == pytest.approx(abs(best.x[1]), rel=0.015)
    assert cost(np.array([one.mean, one.sd])) - best.fun < 0.01


def test_the_chance_of_a_unit_is_bayes_theorem() -> None:
    mean, sd, gain, error = -0.3, 0.4, 0.2, 0.5

    def joint(theta: float) -> float:
        return float(norm.pdf(theta, mean, sd) * norm.pdf(gain, theta, error))

    expected = quad(joint, 0, 5)[0] / quad(joint, -5, 5)[0]
    assert above_zero(np.array([gain]), np.array([error]), mean, sd)[0] == pytest.approx(expected)


def test_without_noise_the_share_is_a_count() -> None:
    gains = np.array([-1.0, -0.5, 0.5, 0.0])
    assert share(gains, np.zeros(4), STILL, rng()).value == 0.25


def test_units_that_noise_alone_tells_apart_have_no_spread() -> None:
    one = share(np.full(30, -0.1), np.full(30, 0.2), STILL, rng())
    assert (one.value, one.sd) == (0.0, 0.0)
    assert one.mean == pytest.approx(-0.1)
    _, gains, errors = draw(72, 0.0, 0.0, 0.2, rng(3))
    unsure = share(gains, errors, np.zeros(500), rng())
    assert unsure.high - unsure.low > 0.5


@settings(max_examples=25)
@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_the_unit_of_the_gains_does_not_matter(scale: float, seed: int) -> None:
    _, gains, errors = draw(20, -0.2, 0.5, 0.3, rng(seed))
    one, other = (share(c * gains, c * errors, c * STILL, rng()) for c in (1.0, scale))
    assert other.value == pytest.approx(one.value)
    assert other.sd == pytest.approx(scale * one.sd)


def test_a_share_needs_two_units_and_numbers() -> None:
    for gains, errors in (([1.0], [1.0]), ([1.0, np.nan], [1.0, 1.0]), ([1.0, 1.0], [1.0, np.inf])):
        with pytest.raises(ValueError, match="finite, of at least 2 units"):
            share(np.array(gains), np.array(errors), STILL, rng())
    with pytest.raises(ValueError, match="and 1 draw"):
        share(np.ones(2), np.ones(2), np.zeros(0), rng())


def test_replication_by_hand() -> None:
    """One split: of 2 that gain first, 1 gains second; of 3 that gain second, 1 gains first."""
    first, second = np.array([[1.0, 1.0, -1.0, -1.0]]), np.array([[1.0, -1.0, 1.0, 1.0]])
    found = replication(first, second, rng())
    assert found is not None
    assert found.replicated == pytest.approx(2 / 5)
    assert found.base == pytest.approx(5 / 8)
    assert found.low <= 2 / 5 - 5 / 8 <= found.high
    assert replication(-np.ones((3, 4)), -np.ones((3, 4)), rng()) is None


def test_replication_tells_a_signal_from_none() -> None:
    random = rng(5)
    truth = random.normal(-0.1, 1.0, 100)
    noise = [random.normal(0, 0.5, (20, 100)) for _ in range(2)]
    real = replication(truth + noise[0], truth + noise[1], random)
    none = replication(noise[0] - 0.1, noise[1] - 0.1, random)
    assert real is not None
    assert none is not None
    assert real.low > 0.2
    assert none.low < 0 < none.high
    assert none.replicated == pytest.approx(none.base, abs=0.05)


def test_discoveries_are_benjamini_and_hochbergs() -> None:
    _, gains, errors = draw(200, 0.0, 0.3, 0.1, rng(2))
    ps = norm.sf(gains / errors)
    assert p_better(gains, errors) == pytest.approx(ps)
    assert (discoveries(gains, errors, 0.1) == (false_discovery_control(ps) <= 0.1)).all()
    assert p_better(np.array([0.0, 0.1, -0.1]), np.zeros(3)).tolist() == [1.0, 0.0, 1.0]


def test_false_discoveries_stay_below_the_rate_and_confirmation_passes_five_percent_of_nothing() -> None:
    random, rates, passed = rng(4), [], []
    for _ in range(300):
        truth = np.where(np.arange(100) < 20, 0.4, -0.02)
        errors = np.full(100, 0.1)
        found = discoveries(random.normal(truth, errors), errors)
        rates.append((truth[found] <= 0).mean() if found.any() else 0.0)
        passed.append(confirmed(random.normal(0, errors), errors).mean())
    assert np.mean(rates) <= 0.05
    assert np.mean(passed) == pytest.approx(0.05, abs=0.005)


def test_a_normal_p_from_the_bootstrap_is_right_for_spearman() -> None:
    """Two models of equal worth: one-sided tests at 5 and 20 % reject about as often."""
    random, ps = rng(6), []
    for seed in range(250):
        gold = random.normal(size=150)
        values = {name: (gold + random.normal(size=150)).astype(np.float32) for name in "ab"}
        boots = Joint({"t": Judged(panel("t", gold), SPEARMAN)}, 200, seed).bootstrap({"t": values})["t"]
        gain = SPEARMAN.value(values["a"], gold) - SPEARMAN.value(values["b"], gold)
        error = contrast(gain, boots["a"] - boots["b"]).se
        ps.append(p_better(np.array([gain]), np.array([error]))[0])
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(np.array(ps) <= 0.2) == pytest.approx(0.2, abs=0.06)


def test_halves_are_scored_as_brute_force_and_never_part_identical_pairs() -> None:
    random = rng(7)
    clusters = {"a": np.arange(20) % 15, "b": np.arange(12) + 5}
    golds = {task: random.normal(size=len(own)) for task, own in clusters.items()}
    values = {task: {"x": random.normal(size=len(own)).astype(np.float32)} for task, own in clusters.items()}
    tasks = {task: Judged(panel(task, golds[task], clusters[task]), SPEARMAN) for task in clusters}
    found = on_halves(tasks, values, ["x"], 8, rng(8))
    numbers = np.unique(np.concatenate(list(clusters.values())))
    halves = rng(8).random((8, len(numbers))).argsort(1) < len(numbers) // 2
    for split, half in enumerate(halves):
        for task, own in clusters.items():
            inside = half[np.searchsorted(numbers, own)]
            for side, members in enumerate((inside, ~inside)):
                expected = 100 * spearmanr(values[task]["x"][members], golds[task][members]).statistic
                assert found[task][side][split, 0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ps", "found"),
    [
        ([0.01, 0.05, 0.2, 0.01], 0.1),
        ([0.06, 0.001, 0.001, 0.001], None),
        ([0.01, 0.01, 0.01, 0.01], 0.3),
        ([0.01, None, 0.01, 0.01], 0.05),
    ],
)
def test_a_fixed_sequence_stops_at_the_first_failure(ps: list[float | None], found: float | None) -> None:
    assert largest_harmless([0.05, 0.1, 0.2, 0.3], ps) == found


def test_a_fixed_sequence_must_rise() -> None:
    with pytest.raises(ValueError, match="must increase"):
        largest_harmless([0.1, 0.1], [0.01, 0.01])
