"""Judges the cells of a run from the panels and values in the store. No texts are needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose
from typing import Any

from ablate.errors import AblateError, PluginError, StoreError, Undefined
from ablate.events import Watch, silent
from ablate.judge.counting import Counting
from ablate.judge.effects import Stage, stages
from ablate.judge.evidence import evidence_on
from ablate.judge.finding import Finding, Findings, Place, from_json, to_json
from ablate.judge.findings import OF_FINDINGS, Settings, compare
from ablate.judge.group import Group, RowsByTask, stored_result
from ablate.judge.plugin_statistic import TaskFault, statistic_of
from ablate.plan.tasks import make_task
from ablate.plugins import Registry
from ablate.record import JUDGMENT, Evidence, Row, RunRecord
from ablate.statistics.arrays import Values
from ablate.statistics.resample import Judged
from ablate.store.keys import digest, judgment_key
from ablate.store.store import Store
from ablate.tasks.base import NO_VALUES, WholeTask

AGREE = 1e-4
"""The relative difference allowed between a task's score and its statistic: float32 sums depend on their order."""

AT_ONCE = 128
"""How many cells are compared at a time."""


@dataclass(frozen=True)
class Judgement:
    """The rows with the evidence on them, all evidence, and why a task has none (``withheld``, one line each)."""

    rows: list[Row]
    evidence: list[Evidence]
    withheld: list[str]


def judge(results: RunRecord, store: Store, registry: Registry, settings: Settings, watch: Watch = silent) -> Judgement:
    """Judges every cell of a run. What is found of a cell is stored, and read back if the same cell is judged again.

    Args:
        watch: called with the progress, of all stages together.

    Raises:
        StoreError: the store has lost something that the run stored, or has found it damaged.
    """
    evidence: list[Evidence] = []
    withheld: list[str] = []
    judged = stages(results)
    counting = Counting(watch, sum(len(stage.groups) for stage in judged))
    for stage in judged:
        findings, reasons = _found(results, stage, store, registry, settings, counting)
        tasks = [task for task in stage.splits if task not in reasons]
        evidence += evidence_on(stage, tasks, findings, settings)
        withheld += [f"{task} ({stage.name}): {why}" for task, why in reasons.items()]
    return Judgement(_filled(results.rows, judged, evidence), evidence, withheld)


def _found(
    results: RunRecord, stage: Stage, store: Store, registry: Registry, settings: Settings, counting: Counting
) -> tuple[dict[str, Findings], dict[str, str]]:
    """What is found of each cell of a stage, and the tasks that none is found on, with the reason."""
    keys = finding_keys(results, stage, registry, settings)
    stored = store.get_judgments(keys.values())
    found: dict[str, Findings] = {of: from_json(stored[key]) for of, key in keys.items() if key in stored}
    lacking = [group for group in stage.groups if group.id not in found]
    counting.add(stage.name, len(stage.groups) - len(lacking), cached=True)
    parameters = results.about.tasks or {}
    made = {task: make_task(registry, task, parameters) for task in stage.splits}
    withheld = {task: NO_VALUES for task, one in made.items() if isinstance(one, WholeTask)}
    while lacking:
        # In parts, so that an interrupted judgment goes on from there, and the resamples of all do not fill the memory.
        part = lacking[:AT_ONCE]
        try:
            advance = counting.part(stage.name, len(part))
            compared = _compare(results, stage, part, withheld, store, registry, settings, advance)
            advance(1.0)  # also where no task can be judged
        except TaskFault as why:
            # Judge the other tasks without it. What was found so far is of draws that all tasks share.
            withheld[why.task] = str(why)
            found, lacking = {}, list(stage.groups)
            continue
        if not withheld:
            store.put_judgments({keys[of]: to_json(findings) for of, findings in compared.items()})
        found |= compared
        lacking = lacking[AT_ONCE:]
    return found, {task: withheld[task] for task in stage.splits if task in withheld}


def _compare(
    results: RunRecord,
    stage: Stage,
    groups: Sequence[Group],
    withheld: Collection[str],
    store: Store,
    registry: Registry,
    settings: Settings,
    advance: Callable[[float], None],
) -> dict[str, dict[Place, Finding]]:
    """Compares some cells of a stage on all but the tasks ``withheld``. advance: see :func:`compare`.

    Raises:
        TaskFault: a task cannot be judged.
        StoreError: the store has lost something that the run stored.
    """
    tasks: dict[str, Judged] = {}
    values: dict[str, Mapping[str, Values]] = {}
    for task in stage.splits:
        if task in withheld:
            continue
        keys = [row.result for group in groups for row in group.rows(True) if row.task == task]
        try:
            tasks[task], values[task] = read(results, stage, task, keys, store, registry)
        except StoreError:  # the run has just stored all of it: without it, no table is better than a poorer one
            raise
        except AblateError as why:
            raise TaskFault(str(why), task) from why
    return compare(stage, groups, tasks, values, settings, advance)


def finding_keys(results: RunRecord, stage: Stage, registry: Registry, settings: Settings) -> dict[str, str]:
    """The key of what is found of each cell of a stage, by the cell's id, if it is compared on all tasks."""
    panels = results.about.panels.get(stage.name, {})
    parameters = results.about.tasks or {}
    of_all = digest(
        {
            "judgment": JUDGMENT,
            "settings": {name: getattr(settings, name) for name in OF_FINDINGS},
            "clean": stage.clean,
            # Without the dimension, which is in the names of the tasks: so keys of whole embeddings are as ever.
            "measure": stage.measure[:3],
            # All tasks, since their items are drawn together.
            "tasks": [[make_task(registry, task, parameters).identity(), panels.get(task)] for task in stage.splits],
            "dense": _read_of(stage, stage.dense),
        }
    )
    return {group.id: judgment_key(of_all, _compared_by(stage, group)) for group in stage.groups}


def _compared_by(stage: Stage, group: Group) -> dict[str, Any]:
    """Everything about a cell and its controls that the comparison depends on."""
    return {
        "control": group.is_control,
        "trained": group.row.way is not None,
        "seeds": [_read_of(stage, rows) for rows in group.seeds.values()],
        "matched": [_read_of(stage, rows) for rows in group.matched.values()],
        "searched": [_read_of(stage, rows) for rows in group.searched.values()],
        # Of draws that may stop early alone, so that the keys of all others are those that they had before.
        **({"draws_asked": group.row.draws_asked} if group.row.draws_asked else {}),
    }


def _read_of(stage: Stage, rows: RowsByTask) -> list[list[Any]]:
    return [[task, row.result, stage.score_of(row), stage.delta_of(row), row.redrawn] for task, row in rows.items()]


def read(
    results: RunRecord, stage: Stage, task: str, keys: Iterable[str | None], store: Store, registry: Registry
) -> tuple[Judged, dict[str, Values]]:
    """How a task is judged, and the values of dense and of the results with these keys, on the pairs that decide.

    Raises:
        StoreError: the store lacks something that the run stored.
        PluginError: the task's statistic fails, or its score differs from the task's.
    """
    panel = store.get_panel(results.about.panels.get(stage.name, {}).get(task, ""))
    if panel is None:
        raise StoreError(f"the store has no pairs of {task} for this run; run it again")
    pairs = panel.kept if stage.clean else slice(None)
    dense = stage.dense[task]
    wanted = {key for key in (dense.result, *keys) if key}
    stored = store.get_results(wanted)
    if len(stored) < len(wanted):
        raise StoreError(f"the store has lost {len(wanted) - len(stored)} results of {task}; run it again")
    values = {key: result.values[pairs] for key, result in stored.items() if result.values is not None}
    made = make_task(registry, task, results.about.tasks or {})
    statistic = statistic_of(made, registry, task)
    judged = Judged(panel.judged("drop" if stage.clean else "keep"), statistic, made.family)
    score = stage.score_of(dense)
    # A task whose statistic disagrees with its score would have intervals and tests about another quantity.
    if score is not None:
        _check(judged, values[stored_result(dense)], score)
    return judged, values


def _check(judged: Judged, values: Values, score: float) -> None:
    name = judged.panel.task
    try:
        value = judged.statistic.value(values, judged.panel.gold)
    except Undefined as reason:
        raise PluginError(f"task '{name}': statistic() has no value where score() has one: {reason}") from None
    if not isclose(value, score, rel_tol=AGREE, abs_tol=1e-6):
        raise PluginError(f"task '{name}': statistic() gives another score than score(); override both or neither")


def _filled(rows: Sequence[Row], judged: Sequence[Stage], evidence: Sequence[Evidence]) -> list[Row]:
    """The rows with the evidence on their cell and task. Cells of several seeds are judged by their mean alone."""
    against_dense = {(e.model, e.stage, e.metric, e.dim, e.group, e.task): e for e in evidence if e.against == "dense"}
    # By identity: the groups have the very rows of the record, and a hash of a row is one of all its fields.
    of_row: dict[int, tuple[Evidence, Evidence | None]] = {}
    for stage in judged:
        for group in stage.groups:
            for row in group.rows() if len(group.seeds) == 1 else ():
                place = (stage.model, stage.name, stage.measure.metric, stage.measure.dim, group.id)
                item = against_dense.get((*place, row.task))
                if item is not None:
                    of_row[id(row)] = item, against_dense.get((*place, None))
    return [_with_evidence(row, *of_row[id(row)]) if id(row) in of_row else row for row in rows]


def _with_evidence(row: Row, item: Evidence, mean: Evidence | None) -> Row:
    return replace(
        row,
        low=item.low,
        high=item.high,
        p_different=item.p_different,
        q_harms=item.q_harms,
        q_improves=item.q_improves,
        q_better=item.q_better,
        q_harmless=item.q_harmless,
        q_worse=item.q_worse,
        verdict=item.verdict,
        mean_verdict=mean.said if mean else None,
        smallest_improves=item.smallest_improves,
        smallest_better=item.smallest_better,
    )
