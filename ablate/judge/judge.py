"""Judges the cells of a run by what the store has of them: panels and values, and no sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isclose
from typing import Any

from ablate.errors import AblateError, PluginError, StoreError, Undefined
from ablate.judge.effects import Stage, stages
from ablate.judge.evidence import judge_stage
from ablate.judge.findings import Settings
from ablate.judge.plugin_statistic import TaskFault, statistic_of
from ablate.plan.tasks import make_task
from ablate.plugins import Registry
from ablate.record import JUDGED, RunRecord
from ablate.statistics.arrays import Values
from ablate.statistics.resample import Judged
from ablate.store.store import Store

_AGREE = 1e-4
"""How far a task's score may be from that of its statistic, relative to it: float32 sums differ by their order."""


Evidence = list[dict[str, Any]]


def judge(results: RunRecord, store: Store, registry: Registry, settings: Settings) -> tuple[Evidence, list[str]]:
    """The evidence on every cell of a run, and why a task has none; fills in the :data:`JUDGED` fields of the rows."""
    evidence: Evidence = []
    withheld: list[str] = []
    for stage in stages(results):
        tasks: dict[str, Judged] = {}
        values: dict[str, Mapping[str, Values]] = {}
        for task in stage.splits:
            try:
                keys = [row["result"] for group in stage.groups for row in group.rows(True) if row["task"] == task]
                tasks[task], values[task] = read(results, stage, task, keys, store, registry)
            except AblateError as why:
                withheld.append(f"{task} ({stage.name}): {why}")
        while True:
            try:
                evidence += judge_stage(stage, tasks, {task: values[task] for task in tasks}, settings)
                break
            except TaskFault as why:  # on one of the draws
                withheld.append(f"{why.task} ({stage.name}): {why}")
                del tasks[why.task]
    _fill(stages(results), evidence)
    return evidence, withheld


def read(
    results: RunRecord, stage: Stage, task: str, keys: Iterable[str | None], store: Store, registry: Registry
) -> tuple[Judged, dict[str, Values]]:
    """How a task is judged, and the values of those results, None apart, and of dense, on the pairs that decide.

    Raises:
        StoreError: the store lacks something that the run put there.
        PluginError: the task's statistic fails, or gives another score than the task.
    """
    panel = store.get_panel(results.about.get("panels", {}).get(stage.name, {}).get(task, ""))
    if panel is None:
        raise StoreError(f"the store has no pairs of {task} for this run; run it again")
    pairs = panel.kept if stage.decide else slice(None)
    dense = stage.dense[task]
    wanted = {key for key in (dense["result"], *keys) if key}
    found = store.get_results(wanted)
    if len(found) < len(wanted):
        raise StoreError(f"the store has lost {len(wanted) - len(found)} results of {task}; run it again")
    values = {key: result.values[pairs] for key, result in found.items() if result.values is not None}
    statistic = statistic_of(make_task(registry, task, results.about.get("tasks", {})), registry)
    judged = Judged(panel.judged("drop" if stage.decide else "keep"), statistic)
    score = dense[f"score{stage.decide}"]
    if score is not None:
        _check(judged, values[dense["result"]], score)
    return judged, values


def _check(judged: Judged, values: Values, score: float) -> None:
    name = judged.panel.task
    try:
        found = judged.statistic.value(values, judged.panel.gold)
    except Undefined as reason:
        raise PluginError(f"task '{name}': statistic() has no value where score() has one: {reason}") from None
    if not isclose(found, score, rel_tol=_AGREE, abs_tol=1e-6):
        raise PluginError(f"task '{name}': statistic() gives another score than score(); override both or neither")


def _fill(found: Sequence[Stage], evidence: Sequence[Mapping[str, Any]]) -> None:
    """A row has what was found of its cell on its task; a cell of several seeds is judged by their mean, not here."""
    against_dense = {(e["model"], e["stage"], e["group"], e["task"]): e for e in evidence if e["against"] == "dense"}
    for stage in found:
        for group in stage.groups:
            for row in group.rows() if len(group.seeds) == 1 else ():
                item = against_dense.get((stage.model, stage.name, group.id, row["task"]))
                if item is not None:
                    row.update({name: item[name] for name in JUDGED})
