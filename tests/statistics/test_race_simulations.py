"""How often a race stops the best cell, and how often its limits miss: many orders of sets whose truth is known.

``pytest -m slow -s tests/statistics/test_race_simulations.py`` prints the figures of docs/racing.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.statistics.races import Population, run
from tests.statistics.simulated import rng

RACES = 1000

SETTINGS = [
    # items, noise of each cell, share of the noise that is common to all cells
    pytest.param(160, [1.0, 1.0], 0.5, id="2 alike, 160 pairs"),
    pytest.param(400, [1.0, 1.0], 0.9, id="2 alike with similar values, 400 pairs"),
    pytest.param(400, [1.0] * 3, 0.5, id="3 alike, 400 pairs"),
    pytest.param(400, [1.0] * 5, 0.5, id="5 alike, 400 pairs"),
    pytest.param(400, [1.0, 1.1, 1.2, 1.5, 3.0], 0.5, id="5 that differ, 400 pairs"),
    pytest.param(1500, [1.0, 1.02, 1.05, 1.2, 2.0], 0.8, id="5 that differ, 1,500 pairs"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("items", "noise", "shared"), SETTINGS)
def test_the_best_stops_no_more_often_than_the_level(
    items: int, noise: list[float], shared: float, request: pytest.FixtureRequest
) -> None:
    random = rng(items + len(noise))
    races = RACES if items < 1000 else RACES // 4
    missed = stopped = seen = 0.0
    lost = []
    for _ in range(races):
        population = Population.of(items, noise, shared, random)
        truth = population.truth
        race = run(population, random)
        missed += race.missed[1]
        stopped += race.stopped[int(truth.argmax())]
        lost.append(truth.max() - truth[~race.stopped].max())
        seen += race.seen / population.values.size
    print(
        f"\n{request.node.callspec.id}: limits miss {100 * missed / races:.1f} %, best stopped "
        f"{100 * stopped / races:.1f} %, loses {np.mean(lost):.3f} on average and at most {max(lost):.2f}, "
        f"evaluates {100 * seen / races:.0f} %"
    )
    error = np.sqrt(0.05 * 0.95 / races)
    assert missed / races < 0.05 + 3 * error
    assert stopped / races < 0.05 + 3 * error
