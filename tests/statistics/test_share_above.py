"""The share of units above a size, and the bounds on their count, against truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, minimize

from ablate.statistics.effect_prior import Noise, unimodal
from ablate.statistics.share_above import Share, share_above
from ablate.statistics.true_discoveries import count_above
from tests.statistics.simulated import Floats, drawn, measured, rng


def estimated(gains: Floats, draws: Floats, size: float = 0.05) -> Share:
    return share_above(gains, draws, size, count_above(gains, draws, size))


def test_the_share_is_the_maximum_of_the_likelihood() -> None:
    """Against a general optimizer, for the best share and for a given one."""
    random = rng(1)
    gains, errors = measured(20, -0.1, 0.3, 0.1, random)
    mixture = unimodal(gains, Noise(np.zeros(20), errors), 0.05)
    density, above = mixture.density[len(mixture.density) // 2], mixture.above

    def cost(weights: Floats) -> float:
        return -float(np.log(density @ weights).sum())

    def slope(weights: Floats) -> Floats:
        return np.asarray(-(density / (density @ weights)[:, None]).sum(0), np.float64)

    def optimum(*more: LinearConstraint) -> float:
        whole = LinearConstraint(np.ones(len(above)), 1, 1)
        options: Any = {"jac": slope, "bounds": [(1e-12, 1)] * len(above), "constraints": [whole, *more]}
        found = minimize(cost, np.full(len(above), 1 / len(above)), **options, options={"maxiter": 1000})
        return -float(found.fun)

    best, share, near = mixture.best(2.0)
    assert best == pytest.approx(optimum(), abs=0.02)
    assert 0 < len(near.penalty) < len(mixture.penalty)
    for asked in (0.1, 0.3, 0.6):
        at = optimum(LinearConstraint(above, asked, asked))
        assert mixture.profile(np.array([asked]))[0] == pytest.approx(at, abs=0.02)
    assert mixture.profile(np.array([share]))[0] == pytest.approx(best, abs=0.02)


def test_a_share_far_from_the_noise_is_a_count() -> None:
    gains = np.concatenate([np.linspace(-2, -0.2, 40), np.linspace(0.2, 2, 20)])
    for draws in (drawn(gains, 0.01, rng()), np.tile(gains, (10, 1))):
        assert estimated(gains, draws) == Share(20 / 60, 20 / 60, 20 / 60, None)
    noise = Noise(np.zeros(60), np.full(60, 0.01))
    assert unimodal(gains, noise, 0.05).best(1.0)[1] == pytest.approx(1 / 3, abs=0.05)


def test_a_share_is_withheld_where_the_data_cannot_tell_it() -> None:
    random = rng(3)
    gains = random.normal(0, 1, 30)
    unsure = estimated(gains, drawn(gains, 1.0, random))
    assert unsure.value is None
    assert unsure.high - unsure.low > 0.5
    assert unsure.reason == "too few pairs for effects of this size"
    gains = 0.2 + random.normal(0, 0.1, 72)
    assert estimated(gains, drawn(gains, 0.1, random)).reason == (
        "the effects are not spread around 0 as the estimate assumes"
    )


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_the_unit_of_the_gains_does_not_matter(scale: float, seed: int) -> None:
    random = rng(seed)
    gains, errors = measured(20, -0.2, 0.5, 0.3, random)
    draws = drawn(gains, errors, random)
    one, other = (estimated(c * gains, c * draws, c * 0.05) for c in (1.0, scale))
    assert [other.low, other.high] == pytest.approx([one.low, one.high], abs=0.02)
    assert count_above(gains, draws, 0.05).above.ps == pytest.approx(
        count_above(scale * gains, scale * draws, scale * 0.05).above.ps
    )


def test_a_share_and_a_count_need_numbers() -> None:
    count = count_above(np.ones(2), np.ones((5, 2)), 0.05)
    for gains, draws in ((np.ones(2), np.ones((1, 2))), (np.array([1.0, np.nan]), np.ones((5, 2)))):
        with pytest.raises(ValueError, match="must be finite, of at least 2 draws"):
            count_above(gains, draws, 0.05)
        with pytest.raises(ValueError, match="must be finite, of at least 2 units"):
            share_above(gains, draws, 0.05, count)
    with pytest.raises(ValueError, match="at least 2 units"):
        share_above(np.ones(1), np.ones((5, 1)), 0.05, count)


def test_a_share_keeps_to_the_bounds_on_the_count() -> None:
    """Eight units that no draw brings near the size: a distribution could have some there, these units have not."""
    random = rng(8)
    gains = random.normal(size=8)
    assert estimated(gains, drawn(gains, 1.0, random), 100.0) == Share(0.0, 0.0, 0.0, None)
    gains = np.concatenate([np.full(6, 3.0), np.zeros(66)])
    draws = drawn(gains, 0.1, random)
    one, count = estimated(gains, draws), count_above(gains, draws, 0.05)
    assert one.value is not None
    assert count.at_least(np.ones(72, bool)) / 72 == 6 / 72 <= one.low <= one.value <= one.high
