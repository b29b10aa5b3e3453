"""How often a race stops the best cell, and how often its limits miss: many orders of sets whose truth is known.

``pytest -m slow -s tests/statistics/test_race_simulations.py`` prints the figures of docs/racing.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.statistics.races import Population, run
from tests.statistics.simulated import rng

SETTINGS = [
    # items of each task, noise of each cell, share of the noise that is common to all cells, margin, races
    pytest.param([160], [1.0, 1.0], 0.5, 0.0, 800, id="2 alike, 160 pairs"),
    pytest.param([400], [1.0, 1.0], 0.9, 0.0, 800, id="2 alike with similar values, 400 pairs"),
    pytest.param([400], [1.0] * 5, 0.5, 0.0, 800, id="5 alike, 400 pairs"),
    pytest.param([300, 100], [1.0] * 3, 0.5, 0.0, 800, id="3 alike, 300 + 100 pairs"),
    pytest.param(
        [300, 100], [1.0, 1.05, 1.1, 1.5, 3.0], 0.8, 0.3, 300, id="5 that differ, 300 + 100 pairs, margin 0.3"
    ),
    pytest.param(
        [1500, 500], [1.0, 1.0, 1.02, 1.2, 2.0], 0.9, 0.1, 40, id="5, two alike, 1,500 + 500 pairs, margin 0.1"
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("sizes", "noise", "shared", "margin", "races"), SETTINGS)
def test_the_best_stops_no_more_often_than_the_level(
    sizes: list[int],
    noise: list[float],
    shared: float,
    margin: float,
    races: int,
    request: pytest.FixtureRequest,
) -> None:
    random = rng(sum(sizes) + len(noise))
    missed = stopped = beyond = seen = 0.0
    lost = []
    for _ in range(races):
        population = Population.of(sizes, noise, shared, random)
        truth = population.truth
        race = run(population, random, margin=margin)
        missed += race.missed[1]
        stopped += race.stopped[int(truth.argmax())]
        lost.append(truth.max() - truth[~race.stopped].max())
        beyond += lost[-1] > margin
        seen += race.seen / (population.cells * sum(sizes))
    print(
        f"\n{request.node.callspec.id}: limits miss {100 * missed / races:.1f} %, best stopped "
        f"{100 * stopped / races:.1f} %, worse by more than the margin {100 * beyond / races:.1f} %, at most "
        f"{max(lost):.2f}; evaluates {100 * seen / races:.0f} %"
    )
    error = np.sqrt(0.05 * 0.95 / races)
    assert missed / races < 0.05 + 3 * error
    assert beyond / races < 0.05 + 3 * error
