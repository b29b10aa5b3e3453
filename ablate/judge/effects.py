"""From rows to effects: cells told apart, then the mean over tasks, seeds and draws of their deltas."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ablate.record import RunRecord

RowsByTask = dict[str, dict[str, Any]]
"""The rows of one cell by task."""


class Measure(NamedTuple):
    """What scores are; only tasks of one measure can be averaged."""

    metric: str
    unit: str
    higher_is_better: bool

    @property
    def places(self) -> int:
        """Digits after the point that are worth printing: losses are small."""
        return 2 if self.unit == "points" else 4


@dataclass(frozen=True)
class Effect:
    """A mean. ``value`` is None unless ``status`` is ``ok``; else ``missing``, ``undefined``, ``failed``.

    sd: sample standard deviation over ``count`` seeds or draws; None below two.
    """

    value: float | None
    sd: float | None
    count: int
    status: str


@dataclass
class Group:
    """The cells that differ in nothing but their seeds, in one stage. ``row`` is any one of theirs.

    seeds: the rows of each seed, by task. matched: those of each random draw. flipped: the flipped control's.
    """

    row: dict[str, Any]
    chosen: bool = False
    seeds: dict[Any, RowsByTask] = field(default_factory=dict)
    matched: dict[Any, RowsByTask] = field(default_factory=dict)
    flipped: dict[Any, RowsByTask] = field(default_factory=dict)

    @property
    def is_control(self) -> bool:
        """Whether others are set against it: its scorer is seeded, or it is the dense model trained."""
        return self.row["seed"] is not None or self.row["way"] == "train"

    @property
    def name(self) -> str:
        """Its place in the grid, without scope, steps and seed, and how it is trained; its text if it has no place."""
        row = self.row
        if None in _place(row):
            return str(row["cell"])
        share = row["sparsity"]
        asked = share if isinstance(share, str) else f"{100 * share:.6g} %"
        return f"{row['granularity']} × {row['scorer']} {asked}" + (f", {row['way']}" if row["way"] else "")

    @property
    def off_grid(self) -> bool:
        """Whether it is a sequence of steps or trained, and so in no place of the grid."""
        return None in _place(self.row) or self.row["way"] is not None

    @property
    def kind(self) -> str:
        """Its granularity, or what it is where it has no place in the grid."""
        if self.row["way"] is not None:
            return "trained"
        return "several steps" if self.off_grid else str(self.row["granularity"])

    @property
    def id(self) -> str:
        """The same in every stage and every run of one recipe."""
        return hashlib.sha256(json.dumps(_group(self.row)).encode()).hexdigest()[:16]

    def rows(self, matched: bool = False) -> list[dict[str, Any]]:
        """Those of all seeds; and of its matched draws, if asked for."""
        everything = (*self.seeds.values(), *(self.matched.values() if matched else ()))
        return [row for tasks in everything for row in tasks.values()]


@dataclass
class Stage:
    """One model's rows of one stage and one measure. decide: the suffix of the fields that decide.

    splits: task -> split, in the order of the run. dense: its rows by task. evidence: see :meth:`found`.
    """

    model: str
    name: str
    measure: Measure
    decide: str
    splits: dict[str, str] = field(default_factory=dict)
    dense: RowsByTask = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    evidence: dict[tuple[str, str | None, str], dict[str, Any]] = field(default_factory=dict)

    def found(self, group: Group, task: str | None = None, against: str = "dense") -> dict[str, Any] | None:
        """The evidence on a cell, on one task or on the mean over all; None where it has none."""
        return self.evidence.get((group.id, task, against))

    def on(self, tasks: Collection[str]) -> Stage:
        """The same with these of its tasks alone. One has its own evidence; a mean over some of several has none."""
        splits = {task: split for task, split in self.splits.items() if task in tasks}
        if splits == self.splits:
            return self
        alone = next(iter(splits)) if len(splits) == 1 else None
        own: dict[tuple[str, str | None, str], dict[str, Any]]
        own = {(of, None, by): item for (of, task, by), item in self.evidence.items() if alone and task == alone}
        return replace(self, splits=splits, evidence=own)

    @property
    def selects(self) -> bool:
        """Whether some of its cells were chosen and others not."""
        return {group.chosen for group in self.groups} == {True, False}

    def effect(self, group: Group, suffix: str | None = None, tasks: Collection[str] = ()) -> Effect:
        """The mean delta over tasks (all unless given), then over seeds.

        suffix: ``_clean`` or empty (the full sets); the one that decides unless given.
        """
        return self._over(group.seeds, self.decide if suffix is None else suffix, tasks)

    def score(self, group: Group) -> Effect:
        """The mean score over tasks, then over seeds, on the pairs that decide."""
        name = f"score{self.decide}"
        return over_draws(over_tasks(rows, self.splits, name) for rows in group.seeds.values())

    def matched(self, group: Group) -> Effect:
        """The mean over all tasks, then over the draws of the matched control."""
        return self._over(group.matched, self.decide)

    def flipped(self, group: Group) -> Effect:
        """The same, of the flipped control."""
        return self._over(group.flipped, self.decide)

    def dense_score(self, suffix: str) -> Effect:
        """The dense model's mean score over the tasks."""
        return over_tasks(self.dense, self.splits, f"score{suffix}")

    def _over(self, draws: Mapping[Any, RowsByTask], suffix: str, tasks: Collection[str] = ()) -> Effect:
        return over_draws(over_tasks(rows, tasks or self.splits, f"delta{suffix}") for rows in draws.values())


def over_tasks(rows: RowsByTask, tasks: Collection[str], name: str) -> Effect:
    """The mean of a field over tasks; it has a value only if it has one on every task."""
    found = [_status(rows.get(task), name) for task in tasks]
    status = _worst(found)
    return Effect(fmean(rows[task][name] for task in tasks) if status == "ok" else None, None, 1, status)


def over_draws(effects: Iterable[Effect]) -> Effect:
    """The mean and the sample standard deviation over seeds or draws; a value only if each has one."""
    each = list(effects)
    status = _worst([effect.status for effect in each])
    values = [effect.value for effect in each if effect.value is not None]
    if status != "ok":
        return Effect(None, None, len(each), status)
    return Effect(fmean(values), stdev(values) if len(values) > 1 else None, len(each), "ok")


def _status(row: Mapping[str, Any] | None, name: str) -> str:
    if row is None:
        return "missing"
    if row["status"] == "ok" and row[name] is None:
        return "undefined"
    return str(row["status"])


def _worst(found: Sequence[str]) -> str:
    return next(
        (status for status in ("failed", "undefined", "missing") if status in found),
        "ok" if found else "missing",
    )


def stages(results: RunRecord) -> list[Stage]:
    """Every model's stages: ``screen`` before ``confirm``, tasks in the run's order, cells as they appear."""
    order = [*results.about["screen"], *results.about["confirm"]]
    decide = "_clean" if results.about["overlap"] == "drop" else ""
    # A chosen cell is chosen in every stage, and controls find it by its key; equal masks may share a key.
    chosen = {_group(row) for row in results.rows if row["chosen"] and row["control"] is None}
    owners: dict[Any, dict[Hashable, None]] = {}
    for row in results.rows:
        if row["control"] is None:
            owners.setdefault((row["model"], row["key"]), {})[_group(row)] = None
    found: dict[Hashable, Stage] = {}
    groups: dict[Hashable, Group] = {}
    for row in sorted(results.rows, key=lambda row: row["control"] is not None):
        measure = Measure(row["metric"], row["unit"], row["higher_is_better"])
        place = (row["model"], row["stage"], measure)
        stage = found.setdefault(place, Stage(row["model"], row["stage"], measure, decide))
        stage.splits.setdefault(row["task"], row["split"])
        if row["cell"] == "dense":
            stage.dense[row["task"]] = row
            continue
        if row["control"] is not None:
            for owner in owners.get((row["model"], row["control_of"]), ()):
                if (place, owner) in groups:
                    group = groups[place, owner]
                    draws = group.matched if row["control"] == "matched" else group.flipped
                    draws.setdefault(row["draw"], {})[row["task"]] = row
            continue
        identity = _group(row)
        if (place, identity) not in groups:
            groups[place, identity] = Group(row, identity in chosen)
            stage.groups.append(groups[place, identity])
        seeds = (row["seed"], row["train_seed"])
        groups[place, identity].seeds.setdefault(seeds, {})[row["task"]] = row
    for stage in found.values():
        known = [task for task in order if task in stage.splits]
        stage.splits = {task: stage.splits[task] for task in dict.fromkeys([*known, *stage.splits])}
    for item in results.evidence:
        for stage in found.values():
            if (item["model"], item["stage"], item["metric"]) == (stage.model, stage.name, stage.measure.metric):
                stage.evidence[item["group"], item["task"], item["against"]] = item
    models = list(dict.fromkeys(row["model"] for row in results.rows))
    return sorted(found.values(), key=lambda stage: (models.index(stage.model), stage.name == "confirm"))


def _group(row: Mapping[str, Any]) -> Hashable:
    """What a cell is, its seeds apart: its place in the grid, or its text where it has none, and how it was trained."""
    place = _place(row)
    return (
        row["model"],
        row["scope"],
        json.dumps(row["steps"]),
        *(("", row["cell"]) if None in place else place),
        *([row["way"]] if row["way"] else []),
    )


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Granularity, scorer and sparsity; None of a cell of several steps, and of none."""
    return tuple(row[name] for name in ("granularity", "scorer", "sparsity"))


def label(group: Group, among: Sequence[Group]) -> str:
    """What tells a cell from the others listed; its scope and steps only where they do."""
    text = group.name
    alike = [other for other in among if other.name == text]
    for name in ("scope", "steps"):
        if len({str(other.row[name]) for other in alike}) > 1:
            text += f", {name} {group.row[name]}"
    return text
