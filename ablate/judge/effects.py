"""Turns rows into effects: groups the rows of each cell, and averages deltas over tasks, seeds and draws."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev
from typing import Any, NamedTuple

from ablate.judge.group import Group, RowsByTask, identity_of
from ablate.record import Evidence, Row, RunRecord

Value = Callable[[Row], float | None]
"""Gets a number from a row."""


class Measure(NamedTuple):
    """The metric and the unit of scores, and of how many components. Only tasks of the same measure can be averaged.

    dim: None for all components of the embeddings.
    """

    metric: str
    unit: str
    higher_is_better: bool
    dim: int | None = None

    @property
    def name(self) -> str:
        """The metric; ``spearman at 128 dimensions`` of truncated embeddings."""
        return self.metric if self.dim is None else f"{self.metric} at {self.dim} dimensions"

    @property
    def sign(self) -> float:
        """1 if higher is better, else -1: times a delta, it is a gain, above 0 where better."""
        return 1.0 if self.higher_is_better else -1.0

    @property
    def places(self) -> int:
        """How many decimal places to print: more for losses, which are small."""
        return 2 if self.unit == "points" else 4


@dataclass(frozen=True)
class Effect:
    """A mean. ``status`` is ``ok``, ``missing``, ``undefined`` or ``failed``; ``value`` is None unless it is ``ok``.

    sd: sample standard deviation over ``count`` seeds or draws; None below two.
    """

    value: float | None
    sd: float | None
    count: int
    status: str


@dataclass
class Stage:
    """One model's rows of one stage and one measure.

    clean: whether cells are judged by their scores on the clean pairs instead of on all pairs. splits: task -> split,
    in the order of the run. dense: the dense model's rows by task. stopped: the cells that racing has stopped, whose
    rows are of a part of the items; they are not among ``groups``, so that nothing compares them with whole cells.
    evidence: (group id, task or None for the mean over all tasks, what the group is compared with) -> evidence.
    """

    model: str
    name: str
    measure: Measure
    clean: bool
    splits: dict[str, str] = field(default_factory=dict)
    dense: RowsByTask = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    stopped: list[Group] = field(default_factory=list)
    evidence: dict[tuple[str, str | None, str], Evidence] = field(default_factory=dict)

    def evidence_on(self, group: Group, task: str | None = None, against: str = "dense") -> Evidence | None:
        """The evidence on a cell, on one task or on the mean over all tasks; None if it has none."""
        return self.evidence.get((group.id, task, against))

    def on(self, tasks: Collection[str]) -> Stage:
        """The stage restricted to these tasks. It keeps evidence for one task or for all, not for other subsets."""
        splits = {task: split for task, split in self.splits.items() if task in tasks}
        if splits == self.splits:
            return self
        alone = next(iter(splits)) if len(splits) == 1 else None
        # With one task left, the mean over all tasks is that task's value, so its evidence moves to None.
        evidence: dict[tuple[str, str | None, str], Evidence] = {
            (of, None, by): item for (of, task, by), item in self.evidence.items() if alone and task == alone
        }
        return replace(self, splits=splits, evidence=evidence)

    @property
    def selects(self) -> bool:
        """Whether some of its cells were chosen and others not. What racing has stopped was not."""
        return {group.chosen for group in (*self.groups, *self.stopped)} == {True, False}

    def score_of(self, row: Row) -> float | None:
        """A row's score on the pairs that decide."""
        return row.score_on(self.clean)

    def delta_of(self, row: Row) -> float | None:
        """A row's delta on the pairs that decide."""
        return row.delta_on(self.clean)

    def effect(self, group: Group, tasks: Collection[str] = ()) -> Effect:
        """The mean delta over tasks (all unless given), then over seeds, on the pairs that decide."""
        return self._over(group.seeds, self.delta_of, tasks)

    def effect_on_all(self, group: Group) -> Effect:
        """The mean delta over all tasks, then over seeds, on all pairs, clean or not."""
        return self._over(group.seeds, lambda row: row.delta)

    def seen(self, group: Group) -> int:
        """How many of the pairs that decide a cell was evaluated on, over all tasks."""
        rows = next(iter(group.seeds.values())).values()
        return sum((row.n_clean if self.clean else row.n) or 0 for row in rows)

    def score(self, group: Group) -> Effect:
        """The mean score over tasks, then over seeds, on the pairs that decide."""
        return self._over(group.seeds, self.score_of)

    def matched(self, group: Group) -> Effect:
        """The mean over all tasks, then over the draws of the matched control."""
        return self._over(group.matched, self.delta_of)

    def searched(self, group: Group) -> Effect:
        """As :meth:`matched`, over the best masks of the random searches."""
        return self._over(group.searched, self.delta_of)

    def flipped(self, group: Group) -> Effect:
        """As :meth:`matched`, for the flipped control."""
        return self._over(group.flipped, self.delta_of)

    def dense_score(self, clean: bool) -> Effect:
        """The dense model's mean score over the tasks, on the clean pairs or on all."""
        return over_tasks(self.dense, self.splits, lambda row: row.score_on(clean))

    def _over(self, draws: Mapping[Any, RowsByTask], value: Value, tasks: Collection[str] = ()) -> Effect:
        return over_draws(over_tasks(rows, tasks or self.splits, value) for rows in draws.values())


def over_tasks(rows: RowsByTask, tasks: Collection[str], value: Value) -> Effect:
    """The mean of a number over tasks. It has a value only if every task has one."""
    found = [(row, value(row) if row else None) for row in map(rows.get, tasks)]
    status = _worst([_status(row, number) for row, number in found])
    values = [number for _, number in found if number is not None]
    return Effect(fmean(values) if status == "ok" else None, None, 1, status)


def over_draws(effects: Iterable[Effect]) -> Effect:
    """The mean and the sample standard deviation over seeds or draws. It has a value only if each of them has one."""
    each = list(effects)
    # Of one draw, it is that draw, as it is of nearly all cells.
    if len(each) == 1:
        return each[0]
    status = _worst([effect.status for effect in each])
    values = [effect.value for effect in each if effect.value is not None]
    if status != "ok":
        return Effect(None, None, len(each), status)
    return Effect(fmean(values), stdev(values) if len(values) > 1 else None, len(each), "ok")


def _status(row: Row | None, number: float | None) -> str:
    if row is None:
        return "missing"
    if row.status == "stopped":
        return "undefined" if number is None else "ok"
    return "undefined" if row.status == "ok" and number is None else row.status


def _worst(statuses: Sequence[str]) -> str:
    if not statuses:
        return "missing"
    return next((status for status in ("failed", "undefined", "missing") if status in statuses), "ok")


def stages(results: RunRecord) -> list[Stage]:
    """Every model's stages: ``screen`` before ``confirm``, tasks in the run's order, cells as they appear."""
    unordered = _with_rows(results)
    order = [*results.about.screen, *results.about.confirm]
    for stage in unordered:
        known = [task for task in order if task in stage.splits]
        stage.splits = {task: stage.splits[task] for task in dict.fromkeys([*known, *stage.splits])}
    # In one pass: a study of 100 models has as many stages, and all their evidence in one list.
    of_place: dict[tuple[str, str, str, int | None], list[Stage]] = {}
    for stage in unordered:
        of_place.setdefault((stage.model, stage.name, stage.measure.metric, stage.measure.dim), []).append(stage)
    for item in results.evidence:
        for stage in of_place.get((item.model, item.stage, item.metric, item.dim), ()):
            stage.evidence[item.group, item.task, item.against] = item
    place = {model: number for number, model in enumerate(dict.fromkeys(row.model for row in results.rows))}
    return sorted(unordered, key=lambda stage: (place[stage.model], stage.name == "confirm"))


_StagePlace = tuple[str, str, Measure]


def _with_rows(results: RunRecord) -> list[Stage]:
    """The stages with their groups, in the order of the rows."""
    # A cell chosen in any stage counts as chosen in all. A control names its cell by key; several cells may share one.
    chosen = {identity_of(row) for row in results.rows if row.chosen and row.control is None}
    # Model and key -> the cells that have this key.
    owners: dict[tuple[str, str | None], dict[Hashable, None]] = {}
    by_place: dict[_StagePlace, Stage] = {}
    groups: dict[tuple[_StagePlace, Hashable], Group] = {}
    # Controls last, because the cells that they belong to must be known by then.
    for row in sorted(results.rows, key=lambda row: row.control is not None):
        measure = Measure(row.metric, row.unit, row.higher_is_better, row.dim)
        place = (row.model, row.stage, measure)
        stage = by_place.setdefault(place, Stage(row.model, row.stage, measure, results.about.clean))
        stage.splits.setdefault(row.task, row.split)
        if row.cell == "dense":
            stage.dense[row.task] = row
        elif row.control is not None:
            for owner in owners.get((row.model, row.control_of), ()):
                if (place, owner) in groups:
                    _add_control(groups[place, owner], row)
        # On the tasks that a stopped cell did not race on, there is nothing of it to show.
        elif row.status != "stopped" or row.n:
            identity = identity_of(row)
            owners.setdefault((row.model, row.key), {})[identity] = None
            if (place, identity) not in groups:
                groups[place, identity] = Group(row, identity in chosen)
                of_stage = stage.stopped if row.status == "stopped" else stage.groups
                of_stage.append(groups[place, identity])
            groups[place, identity].seeds.setdefault((row.seed, row.train_seed), {})[row.task] = row
    return list(by_place.values())


def _add_control(group: Group, row: Row) -> None:
    draws = {"matched": group.matched, "searched": group.searched}.get(row.control or "", group.flipped)
    draws.setdefault(row.draw, {})[row.task] = row
