"""The panel of a task whose items are triplets: intervals have the right width only if a triplet is one item."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate.data.items import ItemSet
from ablate.statistics.compare import contrast
from ablate.statistics.metric import MEAN
from ablate.statistics.resample import Joint, Judged
from ablate.tasks.loaded import Loaded, panel_of
from ablate.tasks.sts import STS_TASKS

TRIPLETS, WORLDS, DRAWS = 150, 400, 300
RIGHT = (0.8, 0.7)
"""How often the two models put the positive nearer; the truth that an interval of their difference should hold."""


def item_set(texts: list[tuple[str, ...]]) -> ItemSet:
    return ItemSet("made", "test", "here", tuple(texts), np.zeros(len(texts)), ("",) * len(texts))


def simulate(data: ItemSet, copies: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether the interval of each of many worlds holds the truth, and its width. Each triplet is ``copies`` items."""
    rng = np.random.default_rng(5)
    worlds = (rng.random((WORLDS, 2, TRIPLETS)) < np.array(RIGHT)[:, None]).astype(np.float32).repeat(copies, axis=2)
    panel = panel_of(Loaded(STS_TASKS[0](), data, np.ones(len(data), bool)))
    values = {f"{number} {model}": world[model] for number, world in enumerate(worlds) for model in (0, 1)}
    boots = Joint({"made": Judged(panel, MEAN)}, DRAWS, seed=0).bootstrap({"made": values})["made"]
    compared = [
        contrast(float(first.mean() - second.mean()), boots[f"{number} 0"] - boots[f"{number} 1"])
        for number, (first, second) in enumerate(worlds)
    ]
    truth = RIGHT[0] - RIGHT[1]
    covered = np.array([one.low <= truth <= one.high for one in compared])
    return covered, np.array([one.high - one.low for one in compared])


def test_the_interval_of_a_triplet_task_covers_the_truth_in_95_of_100() -> None:
    texts = [(f"anchor {i}", f"positive {i}", f"negative {i}") for i in range(TRIPLETS)]
    covered, widths = simulate(item_set([*texts]), 1)
    assert covered.mean() == pytest.approx(0.95, abs=0.03)
    expected = 2 * 1.96 * sqrt(sum(p * (1 - p) for p in RIGHT) / TRIPLETS)
    assert widths.mean() == pytest.approx(expected, rel=0.05)

    # Every triplet twice, with its other two texts turned round: there is no more to know.
    twice = [turned for anchor, *other in texts for turned in ((anchor, *other), (anchor, *other[::-1]))]
    assert simulate(item_set(twice), 2)[1] == pytest.approx(widths)

    # Two pairs made of a triplet count as two independent items, and the interval is too narrow by the root of two.
    pairs = [(anchor, other) for anchor, *others in texts for other in others]
    covered, too_narrow = simulate(item_set([*pairs]), 2)
    assert widths.mean() / too_narrow.mean() == pytest.approx(sqrt(2), rel=0.03)
    assert covered.mean() < 0.88
