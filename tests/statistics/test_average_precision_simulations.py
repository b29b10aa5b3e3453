"""Where two models rank alike on average, the permutation test finds a difference in 5 of 100, whatever their scales."""

from __future__ import annotations

import numpy as np
import pytest

from ablate.statistics.average_precision import AVERAGE_PRECISION
from ablate.statistics.compare import permutation_p, studentized
from ablate.statistics.metric import Statistic
from ablate.statistics.pearson import PEARSON
from tests.statistics.simulated import Floats, rng


def p_of_null(statistic: Statistic, random: np.random.Generator, n: int, labels: bool, draws: int = 200) -> float:
    """Two models with equally good values, of which the second has another scale."""
    signal = random.normal(size=n)
    gold: Floats = (signal + random.normal(size=n) > 0.5).astype(np.float64) if labels else signal
    a, b = ((signal + random.normal(size=n)).astype(np.float32) for _ in range(2))
    b = np.asarray(0.3 * b + 0.5, np.float32)
    swaps = np.concatenate([np.zeros((1, n), bool), random.random((draws, n)) < 0.5])
    differences, influence = statistic.exchanged_by_item(a, b, gold, swaps)
    assert influence is not None
    found = studentized(differences, influence.std(1) / np.sqrt(n))
    return permutation_p(float(found[0]), found[1:])


@pytest.mark.parametrize("n", [40, 200])
@pytest.mark.parametrize(("statistic", "labels"), [(AVERAGE_PRECISION, True), (PEARSON, False)])
def test_size(statistic: Statistic, labels: bool, n: int) -> None:
    random = rng(n)
    ps = np.array([p_of_null(statistic, random, n, labels) for _ in range(600)])
    # Three standard errors of a share of 0.05 in 600.
    assert (ps <= 0.05).mean() == pytest.approx(0.05, abs=0.027)
