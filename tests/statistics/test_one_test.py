"""The gain that one test shows with 80 % power, checked by simulation with another library's test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from ablate.statistics.metric import MEAN
from ablate.statistics.one_test import one_test
from ablate.statistics.panel import Panel
from ablate.statistics.resample import Judged

N = 200


def _judged() -> Judged:
    return Judged(Panel("t", np.zeros(N), np.ones(N, bool), np.arange(N), np.zeros(N, np.int32)), MEAN)


def _sample(rng: np.random.Generator, gain: float) -> tuple[np.ndarray, np.ndarray]:
    dense = rng.normal(size=N)
    return dense.astype(np.float32), (dense + gain + rng.normal(scale=0.5, size=N)).astype(np.float32)


def test_its_gain_is_found_in_80_percent_of_samples() -> None:
    rng = np.random.default_rng(0)
    found = one_test(_judged(), *_sample(rng, 0.0), draws=2000, seed=0, level=0.05)
    assert found.se == pytest.approx(0.5 / N**0.5, rel=0.15)
    gains = [one_test(_judged(), *_sample(rng, 0.0), draws=2000, seed=0, level=0.05).gain for _ in range(20)]
    gain = float(np.mean([gain for gain in gains if gain is not None]))
    ps = [ttest_rel(*_sample(rng, gain)[::-1]).pvalue for _ in range(2000)]
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.8, abs=0.04)


def test_a_test_that_cannot_reach_the_level_shows_nothing() -> None:
    found = one_test(_judged(), *_sample(np.random.default_rng(0), 0.0), draws=100, seed=0, level=0.001)
    assert found.gain is None
