"""Simulated races: cells whose values on all items are known, in many random orders of the items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.statistics.metric import SPEARMAN
from ablate.statistics.race import FEWEST, allotted, deviations, limit, overtaken, standard_error
from ablate.statistics.resample import Joint, Judged
from tests.statistics.simulated import Floats, panel


@dataclass(frozen=True)
class Population:
    """All items of each task. values: float32 [cells, items]. gold: [items]."""

    values: tuple[NDArray[np.float32], ...]
    gold: tuple[Floats, ...]

    @classmethod
    def of(cls, sizes: Sequence[int], noise: Sequence[float], shared: float, random: np.random.Generator) -> Population:
        """Cells whose values are the gold with noise, of which each item's share ``shared`` is that of all cells."""
        values, golds = [], []
        for items in sizes:
            gold = random.uniform(0, 5, items)
            common, own = random.normal(size=items), random.normal(size=(len(noise), items))
            sd = np.array(noise)[:, None]
            made = gold + sd * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
            values.append(made.astype(np.float32))
            golds.append(gold)
        return cls(tuple(values), tuple(golds))

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(map(len, self.gold))

    @property
    def cells(self) -> int:
        return len(self.values[0])

    def scores(self, items: Sequence[NDArray[np.intp]]) -> Floats:
        """The mean score of each cell over the tasks, on some items of each."""
        by_task = [
            [SPEARMAN.value(one[chosen], gold[chosen]) for one in values]
            for values, gold, chosen in zip(self.values, self.gold, items, strict=True)
        ]
        return np.asarray(np.mean(by_task, axis=0), np.float64)

    @property
    def truth(self) -> Floats:
        """The mean score of each cell on all items."""
        return self.scores([np.arange(size) for size in self.sizes])


@dataclass(frozen=True)
class Race:
    """The result of one order.

    stopped: of each cell, whether it stopped at any look. missed: of each cell, whether the upper limit of its
    difference to the first cell was below the truth at any look. seen: items evaluated, all cells.
    """

    stopped: NDArray[np.bool_]
    missed: NDArray[np.bool_]
    seen: int


def run(
    population: Population,
    random: np.random.Generator,
    level: float = 0.05,
    margin: float = 0.0,
    draws: int = 200,
) -> Race:
    """One race over a random order, with stopped cells out of the later looks."""
    cells, sizes = population.cells, population.sizes
    orders = [random.permutation(size) for size in sizes]
    active, missed, debts = np.ones(cells, bool), np.zeros(cells, bool), np.zeros(cells)
    difference = population.truth - population.truth[0]
    done, seen = 0, 0
    for shares in allotted(sizes):
        upto = [round(share * size) for share, size in zip(shares, sizes, strict=True)]
        seen += (sum(upto) - done) * int(active.sum())
        done = sum(upto)
        items = [np.sort(order[:count]) for order, count in zip(orders, upto, strict=True)]
        gains, errors = population.scores(items), _errors(population, items, draws, random)
        if min(upto) < FEWEST:
            continue
        for cell in range(1, cells):
            error = standard_error(errors[cell] - errors[0])
            assert error is not None
            missed[cell] |= gains[cell] - gains[0] + limit(sizes, min(upto), level) * error < difference[cell]
        racing = np.flatnonzero(active)
        if len(racing) > 1:
            owed = debts[racing]
            away = limit(sizes, min(upto), level / (cells - 1))
            stops = overtaken(gains[racing], errors[racing], away, margin, owed)
            debts[racing] = owed
            active[racing[stops]] = False
    seen += (sum(sizes) - done) * int(active.sum())
    return Race(~active, missed, seen)


def _errors(
    population: Population, items: Sequence[NDArray[np.intp]], draws: int, random: np.random.Generator
) -> Floats:
    tasks = [str(task) for task in range(len(items))]
    parts = list(zip(tasks, population.values, population.gold, items, strict=True))
    # Clusters of their own for each task.
    judged = {
        task: Judged(panel(task, gold[chosen], chosen + 10**6 * int(task)), SPEARMAN) for task, _, gold, chosen in parts
    }
    values = {task: {str(cell): one[chosen] for cell, one in enumerate(of)} for task, of, _, chosen in parts}
    scores = Joint(judged, draws, int(random.integers(1 << 30))).bootstrap(values)
    by_task = [
        [deviations(scores[task][str(cell)], len(chosen) / len(gold)) for cell in range(population.cells)]
        for task, _, gold, chosen in parts
    ]
    return np.asarray(np.mean(by_task, axis=0), np.float64)
