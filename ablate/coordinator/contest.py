"""A contest of a race: the cells of which one will be chosen, and which of them a look stops."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

import numpy as np

from ablate.errors import AblateError
from ablate.interrupts import any_failure
from ablate.judge.plugin_statistic import statistic_of
from ablate.plan.job import Job
from ablate.plugins import Registry
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.race import FEWEST, deviations, limit, overtaken
from ablate.statistics.resample import Joint, Judged
from ablate.tasks.loaded import Loaded, panel_of

C = TypeVar("C", bound=Hashable)
"""What a contest calls a cell: a cell of the plan, or the hash of its mask."""

CellValues = Mapping[C, Mapping[str, Values]]
"""Of each cell, the values of all items of each task, in which an item that has none yet is NaN."""


@dataclass(frozen=True)
class Rules:
    """By what a contest stops candidates.

    overlap: whether pairs that were seen before decide too (``keep``) or not (``drop``).
    level, resamples, seed: of the bootstrap, see :class:`ablate.recipe.recipe.Statistics`.
    margin: in points; by how much the best may be better than the one that is left.
    """

    overlap: Literal["drop", "keep"]
    level: float
    resamples: int
    seed: int
    margin: float

    @classmethod
    def of(cls, job: Job) -> Rules:
        """Those of a recipe."""
        recipe = job.recipe
        settings = recipe.statistics
        margin = recipe.evaluate.racing_margin
        return cls(recipe.overlap, settings.level, settings.resamples, settings.statistics_seed, margin)


class Seen:
    """What has been seen of the tasks at a look, which all contests share.

    Args:
        seen: the items that have been seen. every: all items, of the same tasks.

    Raises:
        AblateError: a plug-in's task gives no statistic.
    """

    def __init__(self, rules: Rules, registry: Registry, seen: Sequence[Loaded], every: Sequence[Loaded]) -> None:
        self._clean = rules.overlap == "drop"
        self._seen = seen
        judged = {part.name: _judged(rules, registry, part) for part in seen}
        self._joint = Joint(judged, rules.resamples, rules.seed)
        self.level = rules.level
        clusters = {name: _clusters(one) for name, one in judged.items()}
        of_all = {task.name: _clusters(_judged(rules, registry, task)) for task in every}
        self._shares = {name: clusters.get(name, 0) / max(count, 1) for name, count in of_all.items()}
        self.clusters = min(clusters.get(name, 0) for name in of_all)
        self.sizes = tuple(len(task.data) for task in every)
        # The margin is in points, and other units have none.
        points = all(task.task.unit == "points" for task in every)
        self.margin = rules.margin if points else 0.0

    def gain(self, unit: tuple[C, ...], base: C, values: CellValues[C]) -> float:
        """The mean gain over the tasks and seeds, on the pairs that decide; NaN where a score is undefined."""
        return float(np.mean([self._gain(cell, base, part, values) for cell in unit for part in self._seen]))

    def errors(self, units: Sequence[tuple[C, ...]], values: CellValues[C]) -> Floats:
        """float64 [units, draws]: how far off the mean gains may be from those on all items, from one bootstrap.

        Raises:
            AblateError: the statistic of a plug-in's task fails.
        """
        cells = {str(place): cell for place, cell in enumerate(cell for unit in units for cell in unit)}
        kept = {part.name: part.kept if self._clean else slice(None) for part in self._seen}
        drawn = self._joint.bootstrap(
            {
                part.name: {name: of_part(values, cell, part)[kept[part.name]] for name, cell in cells.items()}
                for part in self._seen
            }
        )
        signs = {part.name: 1 if part.task.higher_is_better else -1 for part in self._seen}
        by_cell = {
            cell: np.mean(
                [signs[task] * deviations(scores[name], self._shares[task]) for task, scores in drawn.items()], axis=0
            )
            for name, cell in cells.items()
        }
        return np.array([np.mean([by_cell[cell] for cell in unit], axis=0) for unit in units], np.float64)

    def _gain(self, cell: C, base: C, part: Loaded, values: CellValues[C]) -> float:
        kept = part.kept if self._clean else np.ones(len(part.data), bool)
        try:
            score, of_base = (part.task.score(part.data, of_part(values, one, part), kept) for one in (cell, base))
        except any_failure():  # a plug-in's task may raise anything; the rows of the cell say so
            return float("nan")
        return score - of_base if part.task.higher_is_better else of_base - score


def _judged(rules: Rules, registry: Registry, part: Loaded) -> Judged:
    return Judged(panel_of(part).judged(rules.overlap), statistic_of(part.task, registry))


@dataclass
class Contest(Generic[C]):
    """The candidates for one place in the confirmation, or in a search.

    units: those that are left. Cells that differ only in their seed are one: they are chosen together, by their mean,
        and so stop together. stopped: cell -> the look that stopped it.
    protected: cells that never stop, because the recipe names them.
    base: the cell against which gains are measured, such as the dense model.
    """

    units: list[tuple[C, ...]]
    protected: frozenset[C]
    base: C
    stopped: dict[C, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rivals = len(self.units) - 1
        self._debts = dict.fromkeys(self.units, 0.0)

    @property
    def open(self) -> bool:
        """Whether there is more than one candidate left."""
        return len(self.units) > 1

    def drop(self, cell: C) -> None:
        """Takes the candidate that a cell belongs to out of the race, without stopping it."""
        self.units = [unit for unit in self.units if cell not in unit]

    def settle(self, seen: Seen, number: int, values: CellValues[C]) -> None:
        """Stops the candidates that cannot be the best any more, by what has been seen up to a look.

        Args:
            number: of the look.
        """
        if seen.clusters < FEWEST:
            return
        gains = np.array([seen.gain(unit, self.base, values) for unit in self.units])
        try:
            errors = seen.errors(self.units, values)
        except AblateError:  # the judge will say so, of whole cells
            return
        debts = np.array([self._debts[unit] for unit in self.units])
        # Any of the rivals of the best cell might stop it, so that each has its share of the level.
        away = limit(seen.sizes, seen.clusters, seen.level / self._rivals)
        stops = overtaken(gains, errors, away, seen.margin, debts)
        self._debts = dict(zip(self.units, debts.tolist(), strict=True))
        for unit, stop in zip(self.units, stops.tolist(), strict=True):
            if stop and not self.protected.intersection(unit):
                self.stopped |= dict.fromkeys(unit, number)
        self.units = [unit for unit in self.units if unit[0] not in self.stopped]


def of_part(values: CellValues[C], cell: C, part: Loaded) -> Values:
    """The values of a cell on the items of a part."""
    return values[cell][part.name][slice(None) if part.part is None else part.part]


def _clusters(judged: Judged) -> int:
    return len(np.unique(judged.panel.cluster))
