"""Bounds that hold together: against values computed by hand, and against their own promise."""

from __future__ import annotations

import numpy as np
import pytest

from ablate.statistics.simultaneous import lower_bound


def test_one_bound_is_the_textbooks() -> None:
    assert lower_bound(0.3, 0.1, 0.05, 1) == pytest.approx(0.3 - 1.6448536 * 0.1)
    # Bonferroni: 0.05 / 5 = 0.01, whose normal quantile is 2.3263479.
    assert lower_bound(0.3, 0.1, 0.05, 5) == pytest.approx(0.3 - 2.3263479 * 0.1)


def test_the_bound_of_the_one_that_is_picked_holds() -> None:
    """The best of ten cells that are all exactly as good as dense: a bound for one alone fails far too often."""
    rng = np.random.default_rng(0)
    best = rng.normal(0, 0.2, (4000, 10)).max(axis=1)
    failed = {family: np.mean([lower_bound(gain, 0.2, 0.05, family) > 0 for gain in best]) for family in (1, 10)}
    assert failed[1] > 0.3
    assert failed[10] < 0.06
