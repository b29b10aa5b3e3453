"""What a run of several models finds of them together: counts by lineage, pooled gains, and sign tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ablate.errors import Undefined
from ablate.judge.effects import Stage
from ablate.judge.findings import Settings
from ablate.judge.group import Group, RowsByTask, stored_result
from ablate.judge.judge import read
from ablate.judge.model_lines import ModelCell, cells_of, first, kinds, line_of, without
from ablate.judge.reporting import reporting
from ablate.judge.samples import Draws
from ablate.plugins import Registry
from ablate.record import Held, ModelLine, OverModels, PooledGain, PooledLine, RunRecord, Signs
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.correction import adjust
from ablate.statistics.pooled import held, over_lineages, pooled_gain
from ablate.statistics.resample import Joint, Judged
from ablate.statistics.sign_test import sign_test
from ablate.store.store import Store


@dataclass(frozen=True)
class _Member:
    """A model in a pooled line. cell: the one whose gain is pooled; optimistic: whether these pairs picked it."""

    stage: Stage
    line: ModelLine
    cell: ModelCell
    optimistic: bool


_Kind = tuple[str, str]
"""``by`` and ``name`` of a line."""


def over_models(
    results: RunRecord, lineages: Mapping[str, str], store: Store, registry: Registry, settings: Settings
) -> OverModels | None:
    """What is found of all models of a run together; None of one model, and where no cell has evidence.

    Args:
        results: judged. lineages: of each model, by its name in rows.

    Raises:
        StoreError: the store has lost something that the run stored.
    """
    if len(results.about.models) < 2:
        return None
    stages = {stage.model: stage for stage in _alike(results)}
    cells = {model: cells_of(results, stage) for model, stage in stages.items()}
    if not any(cells.values()):
        return None
    lines: list[ModelLine] = []
    members: dict[_Kind, list[_Member]] = {}
    for model in results.about.models:
        if not cells.get(model):
            lines.append(without(model, lineages[model], _reason(results, model)))
            continue
        stage = stages[model]
        for by, name, own in kinds(cells[model]):
            lines.append(line_of(results, stage, lineages[model], by, name, own))
            at_first = first(own)
            pooled = at_first or max(own, key=lambda cell: cell.gain)
            members.setdefault((by, name), []).append(_Member(stage, lines[-1], pooled, at_first is None))
    some = next(iter(stages.values()))
    confirmed = some.name == "confirm"
    return OverModels(
        stage=some.name,
        metric=some.measure.metric,
        unit=some.measure.unit,
        higher_is_better=some.measure.higher_is_better,
        tasks=tuple(some.splits),
        lines=tuple(lines),
        pooled=tuple(_pooled(results, members, store, registry, settings)) if confirmed else (),
    )


def _alike(results: RunRecord) -> list[Stage]:
    """The stages that report, of one name, one measure and the same tasks: those of a confirmation, if there is one."""
    found = sorted(reporting(results), key=lambda stage: stage.name != "confirm")
    return [
        one
        for one in found
        if (one.name, one.measure, one.splits) == (found[0].name, found[0].measure, found[0].splits)
    ]


def _reason(results: RunRecord, model: str) -> str:
    failed = (results.about.failed_models or {}).get(model)
    if failed is not None:
        return f"failed: {failed}"
    return next(
        (f"failed: {row.reason}" for row in results.failed if row.model == model and row.cell == "dense"),
        "no cell that reports has an interval on the mean over the tasks",
    )


def _pooled(
    results: RunRecord,
    members: Mapping[_Kind, Sequence[_Member]],
    store: Store,
    registry: Registry,
    settings: Settings,
) -> Iterator[PooledLine]:
    """First of all cells, then by granularity, then by scorer."""
    order = ("all", "granularity", "scorer")
    sorted_kinds = sorted(members, key=lambda kind: order.index(kind[0]))
    boots = _boots(results, [one for of in members.values() for one in of], store, registry, settings)
    lines = [_line(by, name, members[by, name], boots) for by, name in sorted_kinds]
    for by in order:
        of = [line for line in lines if line.by == by]
        qs = iter(adjust([line.signs.p for line in of if line.signs], "holm"))
        yield from (replace(line, signs=replace(line.signs, q=next(qs))) if line.signs else line for line in of)


def _line(by: str, name: str, members: Sequence[_Member], boots: Mapping[tuple[str, str], Floats]) -> PooledLine:
    lineages = [one.line.lineage for one in members]
    gains = np.array([one.cell.gain for one in members])
    signs, untested = _signs(members, over_lineages(gains, lineages))
    drawn = np.stack([boots[one.stage.model, one.cell.group.id] for one in members], axis=1)
    return PooledLine(
        by=by,
        name=name,
        models=len(members),
        lineages=len(set(lineages)),
        improves=_held(lineages, [one.line.improving > 0 for one in members]),
        harmless=_held(lineages, [one.line.harmless > 0 for one in members]),
        pooled=_gain(gains, drawn, lineages, any(one.optimistic for one in members)),
        signs=signs,
        untested=untested,
        depth=_depth(members, lineages) if by == "granularity" else None,
    )


def _held(lineages: Sequence[str], holds: Sequence[bool]) -> Held:
    models, every, some = held(lineages, holds)
    return Held(models=models, lineages=every, some=some)


def _signs(members: Sequence[_Member], gains: Floats) -> tuple[Signs | None, str | None]:
    """gains: of each lineage."""
    if any(one.optimistic for one in members):
        return None, "a cell was picked on these pairs, so that its gain is above 0 more often than by chance"
    try:
        found = sign_test(gains)
    except Undefined as reason:
        return None, str(reason)
    return Signs(above=found.above, lineages=found.cases, p=found.p, q=found.p), None


def _gain(gains: Floats, boots: Floats, lineages: Sequence[str], optimistic: bool) -> PooledGain | None:
    try:
        found = pooled_gain(gains, boots, lineages)
    except Undefined:
        return None
    return PooledGain(
        gain=found.delta,
        low=found.low,
        high=found.high,
        se=found.se,
        resamples=len(found.boots),
        optimistic=optimistic,
    )


def _depth(members: Sequence[_Member], lineages: Sequence[str]) -> dict[str, tuple[float, ...]] | None:
    """The mean over lineages, for each granularity that is known of every model."""
    known = [one.line.depth or {} for one in members]
    names = [name for name in known[0] if all(name in depth for depth in known)]
    means = {
        name: over_lineages(np.array([depth[name] for depth in known]).T, lineages).mean(axis=-1) for name in names
    }
    return {name: tuple(map(float, mean)) for name, mean in means.items()} or None


def _boots(
    results: RunRecord, members: Sequence[_Member], store: Store, registry: Registry, settings: Settings
) -> dict[tuple[str, str], Floats]:
    """The gains of the pooled cells on bootstrap draws of the pairs, which all models share, by model and cell."""
    wanted: dict[str, dict[str, Group]] = {}
    stages = {one.stage.model: one.stage for one in members}
    for one in members:
        wanted.setdefault(one.stage.model, {})[one.cell.group.id] = one.cell.group
    tasks: dict[str, Judged] = {}
    values: dict[str, dict[str, Values]] = {}
    for model, stage in stages.items():
        rows = [row for group in wanted[model].values() for row in group.rows()]
        for task in stage.splits:
            keys = [row.result for row in rows if row.task == task]
            tasks[task], of_model = read(results, stage, task, keys, store, registry)
            values.setdefault(task, {}).update(of_model)
    scores = Joint(tasks, settings.resamples, settings.statistics_seed).bootstrap(values)
    return {
        (model, group.id): _gains(stages[model], group, Draws(scores, _dense(stages[model])))
        for model, groups in wanted.items()
        for group in groups.values()
    }


def _dense(stage: Stage) -> dict[str, str]:
    return {task: stored_result(row) for task, row in stage.dense.items()}


def _gains(stage: Stage, group: Group, draws: Draws) -> Floats:
    sign = stage.measure.sign
    rows: Sequence[RowsByTask] = list(group.seeds.values())
    return sign * np.asarray(np.mean([draws.deltas(each, list(stage.splits)) for each in rows], axis=0), np.float64)
