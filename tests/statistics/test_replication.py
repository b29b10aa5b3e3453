"""Replication on halves, by hand and in simulations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ablate.statistics.replication import Replication, replication
from tests.statistics.simulated import drawn, rng


def test_replication_by_hand() -> None:
    """One split: of 2 that gain first, 1 gains second; of 3 that gain second, 1 gains first."""
    first, second = np.array([[1.0, 1.0, -1.0, -1.0]]), np.array([[1.0, -1.0, 1.0, 1.0]])
    gains = (first + second)[0] / 2
    found = replication(first, second, gains, drawn(gains, 1.0, rng()))
    assert found is not None
    assert found.replicated == pytest.approx(2 / 5)
    assert found.low < 2 / 5 < found.high
    assert found.p > 0.3
    nothing = -np.ones((3, 4))
    assert replication(nothing, nothing, nothing[0], drawn(nothing[0], 1.0, rng())) is None
    assert replication(first[:, :1], second[:, :1], gains[:1], drawn(gains[:1], 1.0, rng())) is None


def test_replication_tells_a_signal_from_none_at_any_base_rate() -> None:
    random = rng(5)
    apart = random.normal(0, 0.5, (50, 100))
    error = random.normal(0, 0.5, 100)

    def found(truth: Any) -> Replication:
        gains = truth + error
        one = replication(gains + apart, gains - apart, gains, drawn(gains, 0.5, random))
        assert one is not None
        return one

    real = found(random.normal(-0.1, 1.0, 100))
    assert real.low > 0.55
    assert real.p < 0.01
    for none in (found(0.0), found(-0.3), found(np.where(np.arange(100) < 80, 0.0, -5.0))):
        assert none.low < 0.5
        assert none.p > 0.05
