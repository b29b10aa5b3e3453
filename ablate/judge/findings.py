"""Compares each cell of a stage with dense and with its matched draws, before any correction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ablate.errors import Undefined
from ablate.judge.effects import Stage
from ablate.judge.group import Group, RowsByTask, stored_result
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.compare import AgainstDraws, Comparison, against_draws, contrast, permutation_p
from ablate.statistics.power import smallest_gain
from ablate.statistics.resample import Joint, Judged
from ablate.statistics.verdict import Claim


class Settings(Protocol):
    """See :class:`ablate.recipe.recipe.Statistics`."""

    @property
    def correction(self) -> str: ...
    @property
    def level(self) -> float: ...
    @property
    def margin(self) -> float: ...
    @property
    def mean_margin(self) -> float: ...
    @property
    def margins(self) -> Mapping[str, float]: ...
    @property
    def resamples(self) -> int: ...
    @property
    def statistics_seed(self) -> int: ...


@dataclass(frozen=True)
class ComparedCell:
    """One cell compared with dense, and with its matched draws where there are at least two.

    sign: 1 where higher is better, else -1. p: two-sided, of no difference from dense. studentized: how it was found;
    see :class:`~ablate.statistics.resample.Swapped`. boots: the gains on bootstrap draws of the pairs, NaN
    where one has no score. permutations: how many p was found of. drawn: computed on gains, where higher is always
    better. undrawn: why there is none.
    """

    group: Group
    sign: float
    dense: Comparison
    p: float
    studentized: bool
    boots: Floats
    permutations: int
    drawn: AgainstDraws | None
    undrawn: str | None
    margin: float | None

    def claims(self) -> dict[Claim, float]:
        """The p-value of each claim that can be tested."""
        ps = claims(self.dense if self.sign > 0 else self.dense.reversed(), self.p, self.margin)
        if self.drawn is not None:
            # To improve, a cell has to pass both tests, so its p is the larger one.
            ps["improves"] = max(ps["better"], self.drawn.p)
        return ps

    def smallest(self, claim: Claim, p: float) -> float | None:
        """The gain that would support ``improves`` or ``better`` with 80 % power, at the largest p that supports it."""
        made = self.drawn.made if claim == "improves" and self.drawn else None
        return smallest_gain(self.boots, self.dense.se, self.permutations, p, made)


def claims(gains: Comparison, p: float, margin: float | None) -> dict[Claim, float]:
    """The p-value of each claim on a gain that needs no random units: better, worse; with a margin harms and harmless.

    Args:
        p: two-sided, of no difference.
    """
    # Spending a two-sided p on gains alone tests the one-sided claim at half the level.
    ps: dict[Claim, float] = {"better": p if gains.delta > 0 else 1.0, "worse": p if gains.delta < 0 else 1.0}
    if margin is not None:
        ps |= {"harms": gains.p_below(-margin), "harmless": gains.p_above(-margin)}
    return ps


def margin_of(stage: Stage, tasks: Sequence[str], settings: Settings) -> float | None:
    """How much worse than dense still counts as harmless, on the mean over ``tasks``.

    For tasks whose unit is not points, it is the mean of their own margins if the recipe gives each of them one, and
    None otherwise.
    """
    points = stage.measure.unit == "points"
    if len(tasks) > 1 and points:
        return settings.mean_margin
    margins = [settings.margins.get(task, settings.margin if points else None) for task in tasks]
    given = [margin for margin in margins if margin is not None]
    return sum(given) / len(given) if len(given) == len(margins) else None


class Findings:
    """Compares the cells of a stage. The resamples are drawn once for all cells, so that all comparisons are paired.

    Args:
        tasks: how each task is judged. values: task -> key of a result -> float32 [pairs of the task's panel].
    """

    def __init__(
        self,
        stage: Stage,
        tasks: Mapping[str, Judged],
        values: Mapping[str, Mapping[str, Values]],
        settings: Settings,
    ) -> None:
        self._stage, self._settings = stage, settings
        self._sign = 1.0 if stage.measure.higher_is_better else -1.0
        joint = Joint(tasks, settings.resamples, settings.statistics_seed)
        self._boots = joint.bootstrap(values)
        self._dense = {task: keys[0] for task in tasks if (keys := self._keys([stage.dense], task))}
        self._swapped = joint.permute(
            {
                group.id: {
                    task: [(values[task][key], values[task][self._dense[task]]) for key in keys]
                    for task in self._dense
                    if (keys := self._keys(group.seeds.values(), task))
                }
                for group in stage.groups
            }
        )

    def of(self, group: Group, tasks: Sequence[str]) -> Iterator[ComparedCell]:
        """The comparison on the mean over ``tasks``, if both the cell and dense have a score."""
        effect = self._stage.effect(group, tasks=tasks)
        if effect.value is None:
            return
        rows = list(group.seeds.values())
        boots = _mean([self._resampled(by_task, tasks) for by_task in rows])
        swapped = self._swapped[group.id][tasks[0] if len(tasks) == 1 else ""]
        try:
            dense = contrast(effect.value, boots)
            p = permutation_p(swapped.observed, swapped.differences)
        except Undefined:
            return
        drawn, undrawn = self._against_draws(group, tasks, effect.value, boots)
        permutations = int(np.isfinite(swapped.differences).sum())
        margin = margin_of(self._stage, tasks, self._settings)
        yield ComparedCell(
            group=group,
            sign=self._sign,
            dense=dense,
            p=p,
            studentized=swapped.studentized,
            boots=self._sign * boots,
            permutations=permutations,
            drawn=drawn,
            undrawn=undrawn,
            margin=margin,
        )

    def _against_draws(
        self, group: Group, tasks: Sequence[str], delta: float, boots: Floats
    ) -> tuple[AgainstDraws | None, str | None]:
        """The comparison with the matched draws, or why there is none."""
        if group.row.way is not None:
            return None, "trained cells have no matched draws"
        if group.is_control:
            return None, "cells at random have no matched draws"
        complete = [(draw, each) for draw in group.matched.values() if (each := self._deltas_of(draw, tasks))]
        deltas = np.array([np.mean(each) for _, each in complete])
        drawn = np.array([self._resampled(draw, tasks) for draw, _ in complete])
        # A stream of its own; the bootstrap and the permutations use streams 0 and 1.
        rng = np.random.default_rng([self._settings.statistics_seed, 2])
        sign = self._sign
        try:
            return against_draws(sign * delta, sign * boots, sign * deltas, sign * drawn, rng), None
        except Undefined as reason:
            return None, str(reason)

    def _deltas_of(self, rows: RowsByTask, tasks: Sequence[str]) -> list[float]:
        """The delta on each of the tasks; empty if one of them has none."""
        deltas = [self._stage.delta_of(rows[task]) if task in rows else None for task in tasks]
        defined = [delta for delta in deltas if delta is not None]
        return defined if len(defined) == len(deltas) else []

    def _resampled(self, rows: RowsByTask, tasks: Sequence[str]) -> Floats:
        """float64 [resamples]: the delta of the mean over tasks."""
        return _mean([self._boots[t][stored_result(rows[t])] - self._boots[t][self._dense[t]] for t in tasks])

    def _keys(self, draws: Iterable[RowsByTask], task: str) -> list[str]:
        """The keys of the results that have a score on the pairs that decide."""
        rows = [by_task[task] for by_task in draws if task in by_task]
        return [stored_result(row) for row in rows if self._stage.score_of(row) is not None]


def _mean(arrays: Sequence[Floats]) -> Floats:
    return np.asarray(np.mean(arrays, axis=0), np.float64)
