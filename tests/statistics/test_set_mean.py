"""Intervals of a mean over few sets are those of Student's t."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from ablate.statistics.compare import contrast
from ablate.statistics.resample import Joint, Judged
from ablate.statistics.set_mean import SetMean
from tests.statistics.simulated import panel, rng


def interval(values: np.ndarray, sets: int, seed: int, draws: int = 1000) -> tuple[float, float]:
    """Of the mean of 3 items of each set."""
    of_items = np.repeat(values, 3).astype(np.float32)
    judged = Judged(panel("t", np.zeros(3 * sets), np.repeat(np.arange(sets), 3)), SetMean(sets))
    boots = Joint({"t": judged}, draws, seed).bootstrap({"t": {"a": of_items}})["t"]["a"]
    found = contrast(100 * float(of_items.mean()), boots)
    return found.low, found.high


@pytest.mark.parametrize("sets", [10, 20])
def test_they_are_as_wide_and_cover(sets: int) -> None:
    random, covered, widths = rng(sets), [], []
    for seed in range(400):
        values = random.normal(size=sets)
        low, high = interval(values, sets, seed)
        covered.append(low <= 0 <= high)
        widths.append((high - low) / (2 * t.ppf(0.975, sets - 1) * 100 * values.std(ddof=1) / np.sqrt(sets)))
    assert np.mean(widths) == pytest.approx(1, abs=0.03)
    # Three standard errors of a share of 0.95 in 400.
    assert np.mean(covered) == pytest.approx(0.95, abs=0.033)


def test_the_score_is_the_mean() -> None:
    values, statistic = np.array([0.2, 0.4, 0.9], np.float32), SetMean(10)
    assert statistic.value(values, np.zeros(3)) == pytest.approx(50)
    assert statistic.resampled(values, np.zeros(3), np.ones((1, 3))) == pytest.approx([50])
