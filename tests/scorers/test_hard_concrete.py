"""Hard concrete gates, against draws, numerical quantiles, and finite differences."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from ablate.scorers.hard_concrete import closed, drawn, median, shifted

LOG_ALPHA = torch.tensor([-4.0, -1.0, 0.0, 1.5, 4.0])
DRAWS = 4000


@pytest.fixture(scope="module")
def draws() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.stack([drawn(LOG_ALPHA, generator) for _ in range(DRAWS)])


def test_draws_are_in_range_and_often_at_its_ends(draws: torch.Tensor) -> None:
    assert 0 == float(draws.min()) < float(draws.max()) == 1
    assert float((draws[:, 2] == 1).float().mean()) == pytest.approx(float((draws[:, 2] == 0).float().mean()), abs=0.05)


def test_the_probability_of_a_closed_gate_is_that_of_draws(draws: torch.Tensor) -> None:
    for count, probability in zip((draws == 0).sum(0).tolist(), closed(LOG_ALPHA).tolist(), strict=True):
        assert binomtest(count, DRAWS, probability).pvalue > 0.001


def test_the_median_is_that_of_draws(draws: torch.Tensor) -> None:
    assert (draws < median(LOG_ALPHA) - 0.05).float().mean(0).max() < 0.5
    assert (draws > median(LOG_ALPHA) + 0.05).float().mean(0).max() < 0.5
    assert float(median(torch.tensor([0.0]))) == 0.5


def test_gradients_of_a_draw_are_finite_differences() -> None:
    at = torch.tensor([-0.5, 0.0, 0.7], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(drawn(at, torch.Generator().manual_seed(3)).sum(), at)
    for unit in range(3):
        moved = torch.zeros(3, dtype=torch.float64)
        moved[unit] = 1e-6
        with torch.no_grad():
            above, below = (drawn(at + sign * moved, torch.Generator().manual_seed(3)).sum() for sign in (1, -1))
        assert float(gradient[unit]) == pytest.approx(float((above - below) / 2e-6), rel=1e-5, abs=1e-8)
    assert float(gradient.abs().max()) > 0


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=40), st.floats(0.001, 0.999))
def test_a_shift_closes_the_share_and_keeps_the_differences(values: list[float], share: float) -> None:
    log_alpha = torch.tensor(values, dtype=torch.float64)
    moved = shifted(log_alpha, share)
    assert float(closed(moved).mean()) == pytest.approx(share, abs=1e-6)
    torch.testing.assert_close(moved - moved[0], log_alpha - log_alpha[0], atol=1e-6, rtol=0)
