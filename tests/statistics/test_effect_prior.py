"""The prior of effects: its components and its noise, against integrals and known parts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from ablate.statistics.effect_prior import Noise, histogram, noise_of, unimodal
from tests.statistics.simulated import rng


def test_a_uniform_component_is_the_integral_of_the_density_of_the_error() -> None:
    gains, noise = np.array([0.3, -0.2]), Noise(np.array([0.05, 0.1]), np.array([0.1, 0.2]))
    shaped, free = unimodal(gains, noise, 0.1), histogram(gains, noise, 0.1)
    z = np.sqrt(2 * shaped.penalty[0])
    assert shaped.penalty[0] == shaped.penalty[-1] > shaped.penalty[len(shaped.penalty) // 2] == 0
    parts = (len(shaped.above) - 1) // 2
    end = 0.1 / 4 * 2 ** ((parts - 1) / 2)
    start = end / np.sqrt(2)

    def mean_density(unit: int, low: float, high: float) -> float:
        at = gains[unit] - z * noise.common[unit]
        return float(quad(lambda effect: norm.pdf(at, effect, noise.own[unit]), low, high)[0] / (high - low))

    for unit in (0, 1):
        assert shaped.density[-1, unit, parts] == pytest.approx(mean_density(unit, 0, end))
        assert shaped.density[-1, unit, -1] == pytest.approx(mean_density(unit, -end, 0), abs=1e-9)
        assert free.density[-1, unit, parts] == pytest.approx(mean_density(unit, start, end))
        at = gains[unit] - z * noise.common[unit]
        assert shaped.density[-1, unit, 0] == pytest.approx(norm.pdf(at, 0, noise.own[unit]))
    assert shaped.above[parts] == pytest.approx(1 - 0.1 / end)
    assert free.above[parts] == (1.0 if start >= 0.1 else pytest.approx((end - 0.1) / (end - start)))


def test_the_noise_is_parted_into_a_common_and_an_independent_part() -> None:
    random = rng(2)
    common, own = random.uniform(0.05, 0.15, 72), random.uniform(0.1, 0.2, 72)
    draws = random.normal(size=(20_000, 1)) * common + random.normal(size=(20_000, 72)) * own
    noise = noise_of(draws)
    assert np.square(noise.common) + np.square(noise.own) == pytest.approx(draws.var(axis=0))
    assert np.abs(noise.common) == pytest.approx(common, rel=0.1)
    still = noise_of(np.concatenate([draws, np.zeros((20_000, 1))], axis=1))
    assert still.common[-1] == 0
    assert 0 < still.own[-1] <= 0.01 * still.own.max()
