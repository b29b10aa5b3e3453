"""Gains pooled over models: each lineage counts once, and the draws of the models stay together."""

from __future__ import annotations

import numpy as np
import pytest

from ablate.errors import Undefined
from ablate.statistics.pooled import held, over_lineages, pooled_gain

LINEAGES = ["a", "b", "a", "c"]


def test_a_lineage_counts_once() -> None:
    gains = np.array([1.0, 4.0, 3.0, 0.0])
    assert over_lineages(gains, LINEAGES).tolist() == [2.0, 4.0, 0.0]
    assert pooled_gain(gains, np.ones((10, 4)), LINEAGES).delta == 2.0


def test_the_interval_is_that_of_the_mean_of_each_draw() -> None:
    boots = np.random.default_rng(0).normal(size=(400, 4))
    found = pooled_gain(np.zeros(4), boots, LINEAGES)
    by_hand = [((draw[0] + draw[2]) / 2 + draw[1] + draw[3]) / 3 for draw in boots]
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(by_hand, [2.5, 97.5])))
    assert found.se == pytest.approx(np.std(by_hand, ddof=1))


def test_what_models_share_does_not_average_out() -> None:
    shared = np.random.default_rng(1).normal(size=(2000, 1))
    found = pooled_gain(np.zeros(4), np.tile(shared, 4), LINEAGES)
    assert found.se == pytest.approx(shared.std(ddof=1))


def test_draws_without_a_score_of_some_model_are_left_out() -> None:
    boots = np.arange(40.0).reshape(10, 4)
    boots[0, 1] = np.nan
    assert len(pooled_gain(np.zeros(4), boots, LINEAGES).boots) == 9
    boots[:6, 2] = np.nan
    with pytest.raises(Undefined, match="6 of 10 resamples"):
        pooled_gain(np.zeros(4), boots, LINEAGES)


@pytest.mark.parametrize(
    ("holds", "found"),
    [
        ([True, True, True, False], (3, 2, 0)),
        ([True, True, False, False], (2, 1, 1)),
        ([False] * 4, (0, 0, 0)),
        ([True] * 4, (4, 3, 0)),
    ],
)
def test_claims_are_counted_by_model_and_by_lineage(holds: list[bool], found: tuple[int, int, int]) -> None:
    assert held(LINEAGES, holds) == found
