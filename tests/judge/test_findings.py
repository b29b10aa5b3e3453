"""What a cell is compared with, and what gain its claims take: the random searches count as much as the draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ablate.judge.findings import ComparedCell
from ablate.statistics.arrays import Floats
from ablate.statistics.compare import AgainstDraws, against_draws, contrast
from ablate.statistics.power import smallest_gain
from tests.bench import known

RESAMPLES, PERMUTATIONS = 500, 1999
DRAWS, SEARCHES = np.array([-1.0, -0.6, -0.2, 0.2]), np.array([0.6, 0.8, 1.0])


def boots(gains: Floats) -> Floats:
    """Of each gain, bootstrap draws that differ by an error that all of them share, and by one of their own."""
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 0.2, RESAMPLES)
    return np.asarray(gains[:, None] + shared + rng.normal(0, 0.2, (len(gains), RESAMPLES)), np.float64)


def against(gain: float, rivals: Floats) -> AgainstDraws:
    return against_draws(gain, boots(np.array([gain]))[0], rivals, boots(rivals), np.random.default_rng(1))


def compared(gain: float, searched: bool) -> ComparedCell:
    own = boots(np.array([gain]))[0]
    return ComparedCell(
        sign=1.0,
        dense=contrast(gain, own),
        p=0.001,
        studentized=True,
        boots=own,
        permutations=PERMUTATIONS,
        drawn=against(gain, DRAWS),
        undrawn=None,
        margin=0.5,
        searched=against(gain, SEARCHES) if searched else None,
    )


def test_the_p_of_improves_is_the_largest_of_those_of_its_rivals() -> None:
    gain = 2.2
    alone, both = compared(gain, searched=False), compared(gain, searched=True)
    assert both.drawn is not None
    assert both.searched is not None
    assert both.searched.p > both.drawn.p > 0.001
    assert alone.claims()["improves"] == both.drawn.p
    assert both.claims()["improves"] == both.searched.p
    # What needs no random units does not change.
    assert {**both.claims(), "improves": 0} == {**alone.claims(), "improves": 0}
    assert both.claims()["better"] == 0.001


def test_the_gain_that_improves_counts_the_searches_and_the_gain_that_is_better_does_not() -> None:
    alone, both = compared(2.2, searched=False), compared(2.2, searched=True)
    p = 0.025
    assert both.drawn is not None
    assert both.searched is not None
    rivals = [both.drawn.made, both.searched.made]
    wanted = known(smallest_gain(both.boots, both.dense.se, PERMUTATIONS, p, rivals))
    assert both.finding(100).smallest("improves", p) == pytest.approx(wanted)
    # The mean of the searches is 0.8 and their sd 0.2: t(0.025, 2) = 4.303, so that 0.8 + 4.303 × 0.2 × √(4/3) = 1.79.
    # The mean of the draws is -0.4 and their sd 0.516: t(0.025, 3) = 3.182, so that it takes -0.4 + 1.84 = 1.44.
    assert both.searched.made.mean + 4.303 * both.searched.made.spread == pytest.approx(1.79, abs=0.01)
    assert wanted > 1.79
    assert known(alone.finding(100).smallest("improves", p)) < wanted
    assert both.finding(100).smallest("better", p) == alone.finding(100).smallest("better", p)
    assert known(both.finding(100).smallest("better", p)) < known(alone.finding(100).smallest("improves", p))


def test_with_searches_that_are_far_behind_the_draws_decide() -> None:
    alone = compared(2.2, searched=False)
    behind = replace(alone, searched=against(2.2, SEARCHES - 5))
    assert behind.finding(100).smallest("improves", 0.025) == pytest.approx(
        known(alone.finding(100).smallest("improves", 0.025))
    )
    assert behind.claims()["improves"] == alone.claims()["improves"]
