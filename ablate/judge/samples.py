"""What the mean over a stage's tasks says beyond their pairs: per family of sets, over sets, and over components."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablate.errors import Undefined
from ablate.judge.effects import Stage
from ablate.judge.group import Group, RowsByTask, stored_result
from ablate.record import FamilyEffect, OverComponents, OverSets, Samples
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.compare import Comparison, contrast
from ablate.statistics.resample import Joint, Judged
from ablate.statistics.samples import by_component, over_sets


@dataclass(frozen=True)
class Draws:
    """Scores on the draws of one bootstrap.

    scores: task -> key of a result -> float64 [draws]. dense: task -> the key of the dense model's result.
    """

    scores: Mapping[str, Mapping[str, Floats]]
    dense: Mapping[str, str]

    def deltas(self, rows: RowsByTask, tasks: Sequence[str]) -> Floats:
        """float64 [draws]: the delta of the mean over tasks."""
        return mean([self.scores[t][stored_result(rows[t])] - self.scores[t][self.dense[t]] for t in tasks])


class Sampling:
    """Takes the sets of a stage, and the pairs in them, as samples.

    Args:
        tasks: how each task is judged. values: task -> key of a result -> float32 [pairs of the task's panel]; of the
            cells and of dense, without draws.
        pairs: the draws of pairs.
        draws, seed, advance: as of :class:`~ablate.statistics.resample.Joint`.
    """

    def __init__(
        self,
        stage: Stage,
        tasks: Mapping[str, Judged],
        values: Mapping[str, Mapping[str, Values]],
        pairs: Draws,
        draws: int,
        seed: int,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        self._stage, self._tasks, self._pairs = stage, tasks, pairs
        self._components: tuple[Draws, int, float] | None = None
        self._reason: str | None = None
        try:
            connected = by_component(tasks)
        except Undefined as reason:
            self._reason = f"components: {reason}"
            return
        scores = Joint(connected, draws, seed, advance).bootstrap(values)
        _, sizes = np.unique(np.concatenate([one.panel.cluster for one in connected.values()]), return_counts=True)
        self._components = Draws(scores, pairs.dense), len(sizes), float(sizes.max() / sizes.sum())

    def of(self, group: Group, compared: Comparison) -> Samples:
        """What is said of a cell. compared: its mean against dense, over pairs."""
        withheld = []
        sets = components = None
        try:
            sets = self._over_sets(group)
        except Undefined as reason:
            withheld.append(f"over sets: {reason}")
        if self._reason is not None:
            withheld.append(self._reason)
        try:
            components = self._over_components(group, compared)
        except Undefined as reason:
            withheld.append(f"components: {reason}")
        return Samples(
            families=tuple(self._families(group)), sets=sets, components=components, withheld=tuple(withheld)
        )

    def _families(self, group: Group) -> list[FamilyEffect]:
        members: dict[str, list[str]] = {}
        for name, judged in self._tasks.items():
            members.setdefault(judged.family or name, []).append(name)
        effects = []
        for family, tasks in members.items():
            delta, boots = self._stage.effect(group, tasks=tasks).value, self._boots(group, self._pairs, tasks)
            try:
                found = contrast(0.0 if delta is None else delta, boots)
            except Undefined:
                continue
            effects.append(
                FamilyEffect(family=family, tasks=tuple(tasks), delta=found.delta, low=found.low, high=found.high)
            )
        return effects

    def _over_sets(self, group: Group) -> OverSets:
        deltas = [self._stage.effect(group, tasks=[task]).value for task in self._tasks]
        low, high = over_sets(np.array(deltas, np.float64))
        return OverSets(sets=len(deltas), low=low, high=high)

    def _over_components(self, group: Group, compared: Comparison) -> OverComponents | None:
        if self._components is None:
            return None
        draws, count, largest = self._components
        found = contrast(compared.delta, self._boots(group, draws, list(self._tasks)))
        return OverComponents(
            components=count,
            largest=largest,
            low=found.low,
            high=found.high,
            se=found.se,
            ratio=found.se / compared.se if compared.se > 0 else None,
        )

    def _boots(self, group: Group, draws: Draws, tasks: Sequence[str]) -> Floats:
        return mean([draws.deltas(rows, tasks) for rows in group.seeds.values()])


def mean(arrays: Sequence[Floats]) -> Floats:
    """The mean of several arrays of one length."""
    return np.asarray(np.mean(arrays, axis=0), np.float64)
