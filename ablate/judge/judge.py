"""Judges the cells of a run from the panels and values in the store. No texts are needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose
from typing import Any

from ablate.errors import AblateError, PluginError, StoreError, Undefined
from ablate.judge.effects import Stage, stages
from ablate.judge.evidence import judge_stage
from ablate.judge.findings import SETTINGS, Settings
from ablate.judge.group import stored_result
from ablate.judge.plugin_statistic import TaskFault, statistic_of
from ablate.plan.tasks import make_task
from ablate.plugins import Registry
from ablate.record import JUDGMENT, OF_EVIDENCE, Evidence, Row, RunRecord, from_plain, to_plain
from ablate.statistics.arrays import Values
from ablate.statistics.resample import Judged
from ablate.store.keys import judgment_key
from ablate.store.store import Store

AGREE = 1e-4
"""The relative difference allowed between a task's score and its statistic: float32 sums depend on their order."""


@dataclass(frozen=True)
class Judgement:
    """The rows with the evidence on them, all evidence, and why a task has none (``withheld``, one line each)."""

    rows: list[Row]
    evidence: list[Evidence]
    withheld: list[str]


def judge(results: RunRecord, store: Store, registry: Registry, settings: Settings) -> Judgement:
    """Judges every cell of a run. The judgment on a stage is stored, and read back if the same stage is judged again.

    Raises:
        StoreError: the store has lost something that the run stored, or has found it damaged.
    """
    evidence: list[Evidence] = []
    withheld: list[str] = []
    judged = stages(results)
    for stage in judged:
        key = judgment_key(_judged_by(results, stage, registry, settings))
        stored = store.get_judgment(key)
        if stored is not None:
            evidence += [from_plain(Evidence, item) for item in stored]
            continue
        found, reasons = _judge_stage(results, stage, store, registry, settings)
        if not reasons:
            store.put_judgment(key, [to_plain(item) for item in found])
        evidence += found
        withheld += reasons
    return Judgement(_filled(results.rows, judged, evidence), evidence, withheld)


def _judge_stage(
    results: RunRecord, stage: Stage, store: Store, registry: Registry, settings: Settings
) -> tuple[list[Evidence], list[str]]:
    """The evidence on a stage's cells, and why tasks have none."""
    withheld: list[str] = []
    tasks: dict[str, Judged] = {}
    values: dict[str, Mapping[str, Values]] = {}
    for task in stage.splits:
        try:
            keys = [row.result for group in stage.groups for row in group.rows(True) if row.task == task]
            tasks[task], values[task] = read(results, stage, task, keys, store, registry)
        except StoreError:  # the run has just stored all of it: without it, no table is better than a poorer one
            raise
        except AblateError as why:
            withheld.append(f"{task} ({stage.name}): {why}")
    while True:
        try:
            return judge_stage(stage, tasks, {task: values[task] for task in tasks}, settings), withheld
        except TaskFault as why:  # on one of the draws; judge the other tasks without it
            withheld.append(f"{why.task} ({stage.name}): {why}")
            del tasks[why.task]


_NOT_JUDGED = {"seconds", "cached", *OF_EVIDENCE}
"""Fields of rows that no judgment depends on."""


def _judged_by(results: RunRecord, stage: Stage, registry: Registry, settings: Settings) -> dict[str, Any]:
    """Everything that the evidence on a stage depends on, as plain JSON values."""
    panels = results.about.panels.get(stage.name, {})
    parameters = results.about.tasks or {}
    cells = [row for group in stage.groups for row in group.rows(True)]
    return {
        "judgment": JUDGMENT,
        "settings": {name: getattr(settings, name) for name in SETTINGS},
        "clean": stage.clean,
        "tasks": [[make_task(registry, task, parameters).identity(), panels.get(task)] for task in stage.splits],
        "rows": [
            [value for name, value in row.to_dict().items() if name not in _NOT_JUDGED]
            for row in (*stage.dense.values(), *cells)
        ],
    }


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
    judged = Judged(panel.judged("drop" if stage.clean else "keep"), statistic_of(made, registry), made.family)
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
    against_dense = {(e.model, e.stage, e.metric, e.group, e.task): e for e in evidence if e.against == "dense"}
    of_row: dict[Row, tuple[Evidence, Evidence | None]] = {}
    for stage in judged:
        for group in stage.groups:
            for row in group.rows() if len(group.seeds) == 1 else ():
                place = (stage.model, stage.name, stage.measure.metric, group.id)
                item = against_dense.get((*place, row.task))
                if item is not None:
                    of_row[row] = item, against_dense.get((*place, None))
    return [_with_evidence(row, *of_row[row]) if row in of_row else row for row in rows]


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
