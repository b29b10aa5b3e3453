"""Compares each cell of a stage with dense and with its matched draws, before any correction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ablate.data.names import plain_name
from ablate.errors import Undefined
from ablate.judge.effects import Stage
from ablate.judge.finding import Finding, Place, Rivals, as_text
from ablate.judge.group import Group, RowsByTask, stored_result
from ablate.judge.rivals import AgainstRivals
from ablate.judge.samples import Draws, Sampling, mean
from ablate.record import Samples
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.compare import AgainstDraws, Comparison, contrast, permutation_p
from ablate.statistics.power import ErrorAtPower
from ablate.statistics.resample import CHUNK, Joint, Judged
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


OF_FINDINGS = ("margin", "mean_margin", "margins", "resamples", "statistics_seed")
"""The settings that a finding depends on. The others are of corrections and verdicts."""


@dataclass(frozen=True)
class ComparedCell:
    """One cell compared with dense, and with its matched draws where there are at least two.

    sign: 1 where higher is better, else -1. p: two-sided, of the test against dense. studentized: how it was found;
    see :class:`~ablate.statistics.resample.Swapped`. boots: the gains on bootstrap draws of the pairs, NaN
    where one has no score. permutations: how many p was found of. drawn: computed on gains, where higher is always
    better. undrawn: why there is none. samples: of a mean over several tasks. searched: as drawn, with the best masks
    of random searches where there are at least two.
    """

    sign: float
    dense: Comparison
    p: float
    studentized: bool
    boots: Floats
    permutations: int
    drawn: AgainstDraws | None
    undrawn: str | None
    margin: float | None
    samples: Samples | None = None
    searched: AgainstDraws | None = None

    def claims(self) -> dict[Claim, float]:
        """The p-value of each claim that can be tested."""
        ps = claims(self.dense if self.sign > 0 else self.dense.reversed(), self.p, self.margin)
        if self.drawn is not None:
            # To improve, a cell has to pass every test, so its p is the largest.
            ps["improves"] = max(ps["better"], self.drawn.p, *([self.searched.p] if self.searched else ()))
        return ps

    def finding(self, pairs: int) -> Finding:
        """What is kept of it. pairs: how many were counted."""
        rivals = self.drawn or self.searched
        return Finding(
            n=pairs,
            margin=self.margin,
            dense=self.dense.interval,
            p=self.p,
            studentized=self.studentized,
            claims={str(claim): p for claim, p in self.claims().items()},
            drawn=Rivals.of(self.drawn, self.sign) if self.drawn else None,
            searched=Rivals.of(self.searched, self.sign) if self.searched else None,
            undrawn=self.undrawn,
            error=ErrorAtPower.of(self.boots),
            permutations=self.permutations,
            boots=as_text(self.boots) if rivals else None,
            samples=self.samples,
        )


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
    None otherwise. A task's own margin holds at every dimension.
    """
    points = stage.measure.unit == "points"
    if len(tasks) > 1 and points:
        return settings.mean_margin
    margins = [settings.margins.get(plain_name(task), settings.margin if points else None) for task in tasks]
    given = [margin for margin in margins if margin is not None]
    return sum(given) / len(given) if len(given) == len(margins) else None


def compare(
    stage: Stage,
    groups: Sequence[Group],
    tasks: Mapping[str, Judged],
    values: Mapping[str, Mapping[str, Values]],
    settings: Settings,
    advance: Callable[[float], None] = lambda _: None,
) -> dict[str, dict[Place, Finding]]:
    """What is found of each of these cells of a stage, by the cell's id. No other cell of the stage has a part in it.

    Args:
        tasks: how each task is judged. A task that is absent has no finding, and then neither has the mean.
        values: task -> key of a result -> float32 [pairs of the task's panel]; of dense, the cells and their controls.
        advance: called now and then with the share of the work that is done, in (0, 1].

    Returns:
        For each cell, a finding on the mean over all tasks (None) if there are several, and on each task; none where
        the cell lacks a score.
    """
    if not tasks:
        return {group.id: {} for group in groups}
    several = len(tasks) == len(stage.splits) > 1
    places: list[tuple[Place, list[str]]] = [(None, list(tasks))] if several else []
    places += [(task, [task]) for task in tasks]
    pairs = {task: len(judged.panel) for task, judged in tasks.items()}
    comparing = _Comparing(stage, groups, tasks, values, settings, advance)
    return {
        group.id: {
            place: compared.finding(sum(pairs[member] for member in members))
            for place, members in places
            for compared in comparing.of(group, members)
        }
        for group in groups
    }


class _Comparing:
    """Compares cells of a stage. The resamples are drawn once for all cells, so that all comparisons are paired.

    Args:
        tasks: how each task is judged. values: task -> key of a result -> float32 [pairs of the task's panel].
    """

    def __init__(
        self,
        stage: Stage,
        groups: Sequence[Group],
        tasks: Mapping[str, Judged],
        values: Mapping[str, Mapping[str, Values]],
        settings: Settings,
        advance: Callable[[float], None],
    ) -> None:
        self._stage, self._groups, self._settings = stage, groups, settings
        self._sign = stage.measure.sign
        several = len(tasks) == len(stage.splits) > 1
        # The draws of pairs, those of components and the swaps.
        self._chunks, self._made, self._advance = (3 if several else 2) * -(-settings.resamples // CHUNK), 0, advance
        joint = Joint(tasks, settings.resamples, settings.statistics_seed, self._on_chunk)
        self._dense = {task: keys[0] for task in tasks if (keys := self._keys([stage.dense], task))}
        self._draws = Draws(joint.bootstrap(values), self._dense)
        self._rivals = AgainstRivals(stage, self._draws, settings.statistics_seed)
        self._sampling = self._sampled(tasks, values) if several else None
        self._swapped = joint.permute(
            {
                group.id: {
                    task: [(values[task][key], values[task][self._dense[task]]) for key in keys]
                    for task in self._dense
                    if (keys := self._keys(group.seeds.values(), task))
                }
                for group in groups
            }
        )

    def of(self, group: Group, tasks: Sequence[str]) -> Iterator[ComparedCell]:
        """The comparison on the mean over ``tasks``, if both the cell and dense have a score."""
        effect = self._stage.effect(group, tasks=tasks)
        if effect.value is None:
            return
        rows = list(group.seeds.values())
        boots = mean([self._draws.deltas(by_task, tasks) for by_task in rows])
        swapped = self._swapped[group.id][tasks[0] if len(tasks) == 1 else ""]
        try:
            dense = contrast(effect.value, boots)
            p = permutation_p(swapped.observed, swapped.differences)
        except Undefined:
            return
        drawn, undrawn = self._rivals.matched(group, tasks, effect.value, boots)
        searched, _ = self._rivals.searched(group, tasks, effect.value, boots)
        yield ComparedCell(
            sign=self._sign,
            dense=dense,
            p=p,
            studentized=swapped.studentized,
            boots=self._sign * boots,
            permutations=int(np.isfinite(swapped.differences).sum()),
            drawn=drawn,
            undrawn=undrawn,
            margin=margin_of(self._stage, tasks, self._settings),
            samples=self._sampling.of(group, dense) if self._sampling and len(tasks) > 1 else None,
            searched=searched,
        )

    def _on_chunk(self) -> None:
        self._made += 1
        self._advance(min(self._made / self._chunks, 1.0))

    def _sampled(self, tasks: Mapping[str, Judged], values: Mapping[str, Mapping[str, Values]]) -> Sampling:
        settings = self._settings
        # Without the draws of controls, which are as many again as the cells, and more.
        cells = [self._stage.dense, *(rows for group in self._groups for rows in group.seeds.values())]
        own = {task: {key: values[task][key] for key in self._keys(cells, task)} for task in tasks}
        return Sampling(
            self._stage, tasks, own, self._draws, settings.resamples, settings.statistics_seed, self._on_chunk
        )

    def _keys(self, draws: Iterable[RowsByTask], task: str) -> list[str]:
        """The keys of the results that have a score on the pairs that decide."""
        rows = [by_task[task] for by_task in draws if task in by_task]
        return [stored_result(row) for row in rows if self._stage.score_of(row) is not None]
