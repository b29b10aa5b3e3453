"""Hard concrete gates, against scipy and finite differences."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit
from scipy.stats import logistic

from ablate.scorers.hard_concrete import BETA, GAMMA, ZETA, closed, median, shifted

LOG_ALPHA = torch.tensor([-4.0, -1.0, 0.0, 1.5, 4.0], dtype=torch.float64)


def distribution(value: float, log_alpha: float) -> float:
    """The probability of a gate up to ``value``, in [0, 1), by scipy's logistic distribution.

    ``log u - log(1 - u)`` is logistic, and a gate grows with it.
    """
    stretched = (value - GAMMA) / (ZETA - GAMMA)
    return float(logistic.cdf(BETA * logit(stretched) - log_alpha))


def test_the_probability_of_a_closed_gate() -> None:
    expected = [distribution(0.0, value) for value in LOG_ALPHA.tolist()]
    assert closed(LOG_ALPHA).tolist() == pytest.approx(expected, abs=1e-9)


def test_half_of_the_probability_is_below_the_median() -> None:
    medians = median(LOG_ALPHA).tolist()
    assert (medians[0], medians[4]) == (0, 1)
    for value, log_alpha in list(zip(medians, LOG_ALPHA.tolist(), strict=True))[1:4]:
        assert distribution(value, log_alpha) == pytest.approx(0.5, abs=1e-9)


def test_gradients_of_a_gate_are_finite_differences() -> None:
    at = torch.tensor([-0.5, 0.0, 0.7, 9.0], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(median(at).sum(), at)
    with torch.no_grad():
        differences = (median(at + 1e-6) - median(at - 1e-6)) / 2e-6
    assert gradient.tolist() == pytest.approx(differences.tolist(), rel=1e-6, abs=1e-9)
    assert gradient[3] == 0, "an open gate"


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=40), st.floats(0.001, 0.999))
def test_a_shift_closes_the_share_and_keeps_the_differences(values: list[float], share: float) -> None:
    log_alpha = torch.tensor(values, dtype=torch.float64)
    moved = shifted(log_alpha, share)
    assert float(closed(moved).mean()) == pytest.approx(share, abs=1e-6)
    torch.testing.assert_close(moved - moved[0], log_alpha - log_alpha[0], atol=1e-6, rtol=0)
