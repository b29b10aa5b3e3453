"""Discoveries and their confirmation, against Benjamini and Hochberg and in simulations.

python -m tests.statistics.test_discovery      # prints the figures of docs/prevalence.md
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, norm

from ablate.statistics.compare import contrast
from ablate.statistics.discovery import confirmed, discoveries, p_better
from ablate.statistics.metric import SPEARMAN
from ablate.statistics.resample import Joint, Judged
from tests.statistics.simulated import Floats, measured, panel, rng


def test_discoveries_are_benjamini_and_hochbergs() -> None:
    gains, errors = measured(200, 0.0, 0.3, 0.1, rng(2))
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


def p_of_equal_models(trials: int, resamples: int) -> Floats:
    """One-sided p of two models of equal worth, on 150 pairs."""
    random, ps = rng(6), []
    for seed in range(trials):
        gold = random.normal(size=150)
        values = {name: (gold + random.normal(size=150)).astype(np.float32) for name in "ab"}
        boots = Joint({"t": Judged(panel("t", gold), SPEARMAN)}, resamples, seed).bootstrap({"t": values})["t"]
        gain = SPEARMAN.value(values["a"], gold) - SPEARMAN.value(values["b"], gold)
        error = contrast(gain, boots["a"] - boots["b"]).se
        ps.append(p_better(np.array([gain]), np.array([error]))[0])
    return np.array(ps)


def test_a_normal_p_from_the_bootstrap_is_right_for_spearman() -> None:
    """Tests at 5 and 20 % reject about as often."""
    ps = p_of_equal_models(250, 200)
    assert np.mean(ps <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(ps <= 0.2) == pytest.approx(0.2, abs=0.06)


if __name__ == "__main__":
    found = p_of_equal_models(1000, 500)
    print(*(f"p <= {level}: {np.mean(found <= level):.1%}" for level in (0.01, 0.05, 0.2)), sep="\n")
