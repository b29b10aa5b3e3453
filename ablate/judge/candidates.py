"""The confirmed cells of a run among which one can be chosen, each with a bound on how much worse than dense it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ablate.arguments import argument
from ablate.errors import AblateError, suggest
from ablate.judge.effects import Stage, stages
from ablate.judge.group import Group, label
from ablate.record import Evidence, Row, RunRecord
from ablate.statistics.simultaneous import lower_bound


@dataclass(frozen=True)
class Candidate:
    """A confirmed cell, on the task (or on the mean) on which its bound is the lowest.

    row: one of its rows. name: as in tables. task: None for the mean over all tasks of the stage.
    gain: over dense, in the unit of the stage; above 0 is better, whatever the metric. low, high: the ends of its 95 %
        interval.
    at_least: what the gain is shown to be at least, with the bounds of all candidates together.
    """

    row: Row
    name: str
    task: str | None
    gain: float
    low: float
    high: float
    at_least: float


@dataclass(frozen=True)
class Candidates:
    """The candidates of a run, in the order of its rows.

    tasks: those on which each has to hold; empty for the mean over all of the stage.
    bounds: how many hold together. level: how often one of them may fail.
    without: the name of each confirmed cell that is no candidate -> why.
    """

    stage: Stage
    tasks: tuple[str, ...]
    found: tuple[Candidate, ...]
    bounds: int
    level: float
    without: dict[str, str]


def candidates(results: RunRecord, tasks: Sequence[str] = ()) -> Candidates:
    """The confirmed cells that have an interval on the mean over the tasks, or on each of ``tasks``.

    Random controls are none. A cell of several seeds has one interval for all of them and none for a model of its own.

    Raises:
        AblateError: the rows are of several models, nothing was confirmed, a task was not, or no cell has an interval.
    """
    stage = _stage(results, tasks)
    places: list[str | None] = list(tasks) if tasks else [None]
    without: dict[str, str] = {}
    judged: list[tuple[Group, list[tuple[str | None, Evidence]]]] = []
    for group in stage.groups:
        if group.is_control:
            continue
        items = [(place, item) for place in places if (item := stage.evidence_on(group, place)) is not None]
        if len(group.seeds) > 1:
            without[label(group, stage.groups)] = f"its interval is of the mean over {len(group.seeds)} seeds"
        elif len(items) < len(places):
            without[label(group, stage.groups)] = _reason(stage, group)
        else:
            judged.append((group, items))
    run = results.about.run
    if not judged:
        reasons = "; ".join(f"'{name}': {why}" for name, why in without.items())
        raise AblateError(
            f"run {run} has no confirmed cell with an interval to choose by"
            f"{f' ({reasons})' if reasons else ''}; list more in the recipe's `confirm`, and run it again"
        )
    bounds = len(judged) * len(places)
    found = tuple(_candidate(stage, group, items, bounds) for group, items in judged)
    return Candidates(stage, tuple(tasks), found, bounds, judged[0][1][0][1].level, without)


def _candidate(stage: Stage, group: Group, items: Sequence[tuple[str | None, Evidence]], bounds: int) -> Candidate:
    def each() -> Iterator[Candidate]:
        for task, item in items:
            up = stage.measure.higher_is_better
            gain, low, high = (item.delta, item.low, item.high) if up else (-item.delta, -item.high, -item.low)
            at_least = lower_bound(gain, item.se, item.level, bounds)
            yield Candidate(group.row, label(group, stage.groups), task, gain, low, high, at_least)

    return min(each(), key=lambda one: one.at_least)


def _reason(stage: Stage, group: Group) -> str:
    told = next((row.reason for row in group.rows() if row.reason), None)
    return told or f"it has no interval on {'the mean over ' if len(stage.splits) > 1 else ''}{', '.join(stage.splits)}"


def _stage(results: RunRecord, tasks: Sequence[str]) -> Stage:
    run = results.about.run
    models = list(dict.fromkeys(row.model for row in results.rows))
    if len(models) > 1:
        raise AblateError(f"run {run} has {len(models)} models: give {argument('model')} one of {', '.join(models)}")
    confirmed = [stage for stage in stages(results) if stage.name == "confirm" and stage.measure.dim is None]
    if not confirmed:
        raise AblateError(
            f"run {run} has confirmed no cell, and scores on the tasks that chose the cells are optimistic; add "
            "`confirm` to the recipe, and run it again"
        )
    known = [task for stage in confirmed for task in stage.splits]
    for task in tasks:
        if task not in known:
            raise AblateError(
                f"{argument('tasks')}: run {run} has confirmed nothing on '{task}'; {suggest(task, known)}"
            )
    if not tasks:
        return next((stage for stage in confirmed if stage.measure.unit == "points"), confirmed[0])
    for stage in confirmed:
        if set(tasks) <= set(stage.splits):
            return stage
    raise AblateError(
        f"{argument('tasks')}: {', '.join(tasks)} are of several metrics, which one limit cannot hold for"
    )
