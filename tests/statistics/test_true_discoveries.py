"""The bounds on a count, against their definition, Bonferroni and Simes."""

from __future__ import annotations

import numpy as np
import pytest

from ablate.statistics.true_discoveries import count_above
from tests.statistics.simulated import drawn, measured, rng


def test_the_count_is_bounded_as_by_the_definition() -> None:
    """Every k by brute force, for the units alone and for a part of them."""
    random = rng(4)
    gains, errors = measured(30, 0.0, 0.3, 0.1, random)
    bounds = count_above(gains, drawn(gains, errors, random), 0.05)
    everyone, part = np.ones(30, bool), np.arange(30) % 2 == 0
    for members in (everyone, part):
        for proof, count in (
            (bounds.above, bounds.at_least(members)),
            (bounds.below, int(members.sum()) - bounds.at_most(members)),
        ):
            shown = [int((proof.ps[members] < cut).sum()) - k for k, cut in enumerate(proof.cuts)]
            assert count == max(0, *shown)
    assert bounds.above.shown.sum() <= bounds.at_least(everyone) <= bounds.at_most(everyone)


def test_the_thresholds_are_those_of_bonferroni_and_simes_where_errors_are_independent() -> None:
    random = rng(5)
    gains = np.zeros(40)
    cuts = count_above(gains, drawn(gains, 1.0, random, 20_000), 10.0).above.cuts
    # With independent p-values, the chance that one of n is below λk/n for some k is λ (Simes 1986).
    assert cuts[0] * 40 == pytest.approx(0.025, rel=0.15)
    assert cuts == pytest.approx(cuts[0] * np.arange(1, 41))
    together = np.repeat(random.normal(size=(20_000, 1)), 40, axis=1)
    alike = count_above(gains, together, 10.0).above.cuts
    assert alike[-1] == pytest.approx(0.025, rel=0.15), "units that move as one need no correction"


def test_strong_units_leave_the_draws_that_judge_the_others() -> None:
    random = rng(6)
    gains = np.concatenate([np.full(30, 5.0), np.zeros(10)])
    proof = count_above(gains, drawn(gains, 1.0, random, 5000), 0.0).above
    assert len(proof.cuts) < 20
    assert proof.shown[:30].mean() > 0.9
    everything = count_above(gains + 20, drawn(gains + 20, 1.0, random), 0.0)
    assert everything.at_least(np.ones(40, bool)) == 40
    assert everything.at_least(np.arange(40) < 3) == 3


def test_units_that_never_move_are_known() -> None:
    gains = np.array([1.0, 0.05, 0.0, -1.0])
    bounds = count_above(gains, np.tile(gains, (10, 1)), 0.05)
    assert (bounds.at_least(np.ones(4, bool)), bounds.at_most(np.ones(4, bool))) == (1, 1)
    mixed = np.concatenate([gains, np.zeros(4)])
    draws = drawn(mixed, np.repeat([0.0, 1.0], 4), rng(7))
    bounds = count_above(mixed, draws, 0.05)
    assert (bounds.at_least(np.ones(8, bool)), bounds.at_most(np.ones(8, bool))) == (1, 5)
