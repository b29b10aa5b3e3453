"""Simulated races: cells whose values on all items are known, in many random orders of the items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.statistics.metric import SPEARMAN
from ablate.statistics.race import SHARES, overtaken, quantile, standard_error
from ablate.statistics.resample import Joint, Judged
from tests.statistics.simulated import Floats, panel


@dataclass(frozen=True)
class Population:
    """All items of a task. values: float32 [cells, items]. gold: [items]."""

    values: NDArray[np.float32]
    gold: Floats

    @classmethod
    def of(cls, items: int, noise: list[float], shared: float, random: np.random.Generator) -> Population:
        """Cells whose values are the gold with noise, of which each item's share ``shared`` is that of all cells."""
        gold = random.uniform(0, 5, items)
        common = random.normal(size=items)
        own = random.normal(size=(len(noise), items))
        sd = np.array(noise)[:, None]
        values = gold + sd * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
        return cls(values.astype(np.float32), gold)

    @property
    def truth(self) -> Floats:
        """The score of each cell on all items."""
        return np.array([SPEARMAN.value(values, self.gold) for values in self.values])


@dataclass(frozen=True)
class Race:
    """What came of one order. stopped: of each cell, whether it stopped at any look. missed: of each cell, whether the
    upper limit of its difference to the first cell was below the truth at any look. seen: items evaluated, all cells.
    """

    stopped: NDArray[np.bool_]
    missed: NDArray[np.bool_]
    seen: int


def run(population: Population, random: np.random.Generator, level: float = 0.05, draws: int = 200) -> Race:
    """One race over a random order, with stopped cells out of the later looks."""
    cells, items = population.values.shape
    order = random.permutation(items)
    active = np.ones(cells, bool)
    missed = np.zeros(cells, bool)
    difference = population.truth - population.truth[0]
    done, seen = 0, 0
    for share in SHARES:
        upto = round(share * items)
        seen += (upto - done) * int(active.sum())
        done = upto
        part = np.sort(order[:done])
        values = {str(cell): population.values[cell][part] for cell in range(cells)}
        judged = Judged(panel("t", population.gold[part]), SPEARMAN)
        scores = Joint({"t": judged}, draws, int(random.integers(1 << 30))).bootstrap({"t": values})["t"]
        boots = np.array([scores[str(cell)] for cell in range(cells)])
        gains = np.array([SPEARMAN.value(one, population.gold[part]) for one in values.values()])
        limit = quantile(done, level)
        for cell in range(1, cells):
            error = standard_error(boots[cell] - boots[0], share)
            assert error is not None
            missed[cell] |= gains[cell] - gains[0] + limit * error < difference[cell]
        racing = np.flatnonzero(active)
        if len(racing) > 1:
            stops = overtaken(gains[racing], boots[racing], share, done, cells - 1, level)
            active[racing[stops]] = False
    seen += (items - done) * int(active.sum())
    return Race(~active, missed, seen)
