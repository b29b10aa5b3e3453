"""Judges the cells of a run from the panels and values in the store. No texts are needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose

from ablate.errors import AblateError, PluginError, StoreError, Undefined
from ablate.judge.effects import Stage, stages
from ablate.judge.evidence import judge_stage
from ablate.judge.findings import Settings
from ablate.judge.group import stored_result
from ablate.judge.plugin_statistic import TaskFault, statistic_of
from ablate.plan.tasks import make_task
from ablate.plugins import Registry
from ablate.record import Evidence, Row, RunRecord
from ablate.statistics.arrays import Values
from ablate.statistics.resample import Judged
from ablate.store.store import Store

_AGREE = 1e-4
"""The relative difference allowed between a task's score and its statistic: float32 sums depend on their order."""


@dataclass(frozen=True)
class Judgement:
    """The rows with the evidence on them, all evidence, and why a task has none (``withheld``, one line each)."""

    rows: list[Row]
    evidence: list[Evidence]
    withheld: list[str]


def judge(results: RunRecord, store: Store, registry: Registry, settings: Settings) -> Judgement:
    """Judges every cell of a run."""
    evidence: list[Evidence] = []
    withheld: list[str] = []
    judged = stages(results)
    for stage in judged:
        tasks: dict[str, Judged] = {}
        values: dict[str, Mapping[str, Values]] = {}
        for task in stage.splits:
            try:
                keys = [row.result for group in stage.groups for row in group.rows(True) if row.task == task]
                tasks[task], values[task] = read(results, stage, task, keys, store, registry)
            except AblateError as why:
                withheld.append(f"{task} ({stage.name}): {why}")
        while True:
            try:
                evidence += judge_stage(stage, tasks, {task: values[task] for task in tasks}, settings)
                break
            except TaskFault as why:  # on one of the draws; judge the other tasks without it
                withheld.append(f"{why.task} ({stage.name}): {why}")
                del tasks[why.task]
    return Judgement(_filled(results.rows, judged, evidence), evidence, withheld)


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
    statistic = statistic_of(make_task(registry, task, results.about.tasks or {}), registry)
    judged = Judged(panel.judged("drop" if stage.clean else "keep"), statistic)
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
    if not isclose(value, score, rel_tol=_AGREE, abs_tol=1e-6):
        raise PluginError(f"task '{name}': statistic() gives another score than score(); override both or neither")


def _filled(rows: Sequence[Row], judged: Sequence[Stage], evidence: Sequence[Evidence]) -> list[Row]:
    """The rows with the evidence on their cell and task. Cells with several seeds are only judged by their mean."""
    against_dense = {(e.model, e.stage, e.group, e.task): e for e in evidence if e.against == "dense"}
    of_row: dict[Row, Evidence] = {}
    for stage in judged:
        for group in stage.groups:
            for row in group.rows() if len(group.seeds) == 1 else ():
                item = against_dense.get((stage.model, stage.name, group.id, row.task))
                if item is not None:
                    of_row[row] = item
    return [_with_evidence(row, of_row[row]) if row in of_row else row for row in rows]


def _with_evidence(row: Row, item: Evidence) -> Row:
    return replace(
        row,
        low=item.low,
        high=item.high,
        p=item.p,
        q=item.q,
        verdict=item.verdict,
        smallest_effect=item.smallest_effect,
    )
