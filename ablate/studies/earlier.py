"""What an earlier run of the same recipe says about whole cells: the largest harmless sparsities, and the best cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ablate.judge.effects import Stage, stages
from ablate.judge.group import Group
from ablate.plan.job import Job
from ablate.record import Evidence, RunRecord
from ablate.statistics.sequence import largest_harmless
from ablate.store.store import Store
from ablate.studies.prevalence_record import BestCell, HarmlessSparsity

_IRRELEVANT = ("stability", "prevalence", "statistics", "controls", "executor")
"""Keys in which recipes may differ and still have the same cells on the same tasks."""


def earlier(job: Job, store: Store) -> RunRecord | None:
    """The newest run in the store that has rows of the same cells on the same data; None where there is none."""
    wanted = _relevant(job.recipe.model_dump(mode="json", by_alias=True))
    for run in reversed(store.runs()):
        data, recipe = run.manifest.get("data"), run.manifest.get("recipe", {})
        if run.rows and data == job.chosen.source.label and _relevant(recipe) == wanted:
            return RunRecord.from_plain(store.rows(run.id), store.about(run.id))
    return None


def _relevant(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in recipe.items() if key not in _IRRELEVANT}


def harmless(job: Job, results: RunRecord, model: str, granularity: str) -> tuple[HarmlessSparsity, ...]:
    """The largest harmless sparsity of each scorer, by a fixed-sequence test over rising sparsities on one stage.

    The stage is ``confirm`` where that has every cell, else ``screen``. Random scorers are left out, and so are scorers
    without any evidence.
    """
    confirms_all = job.recipe.confirm is not None and job.recipe.confirm.cells == "all"
    stage = _stage(job, results, model, "confirm" if confirms_all else "screen")
    if stage is None:
        return ()
    level = job.recipe.statistics.level
    found = []
    for (scorer, scope, steps), sequence in _sequences(results, stage, granularity).items():
        if any(p is not None for _, p in sequence):
            tried, ps = zip(*sorted(sequence), strict=True)
            largest = largest_harmless(tried, ps, level)
            found.append(HarmlessSparsity(scorer, scope, steps, stage.name, tuple(stage.splits), tried, largest))
    return tuple(found)


def _sequences(
    results: RunRecord, stage: Stage, granularity: str
) -> dict[tuple[Any, ...], list[tuple[float, float | None]]]:
    """Scorer, scope and steps -> each sparsity with the p of the claim that it is harmless, None without evidence."""
    evidence = _evidence(results, stage)
    sequences: dict[tuple[Any, ...], list[tuple[float, float | None]]] = {}
    for group in stage.groups:
        row = group.row
        if group.is_control or row.granularity != granularity or not isinstance(row.sparsity, float):
            continue
        item = evidence.get(group.id)
        place = (row.scorer, row.scope, row.steps)
        sequences.setdefault(place, []).append((row.sparsity, item.p_harmless if item else None))
    return sequences


def best(job: Job, results: RunRecord, model: str, granularity: str) -> BestCell | None:
    """The cell with the highest Δ on the screen stage, with its evidence on the tasks of the confirm stage.

    None where one of the two stages is absent, or no cell has both a Δ and evidence: the Δ on the pairs that chose a
    cell flatters it, and is not reported.
    """
    screen, confirm = (_stage(job, results, model, name) for name in ("screen", "confirm"))
    if screen is None or confirm is None:
        return None
    confirmed = {group.id for group in confirm.groups}
    sign = 1 if screen.measure.higher_is_better else -1
    ranked = [
        (sign * value, group)
        for group in screen.groups
        if group.row.granularity == granularity and not group.is_control
        if group.id in confirmed and (value := screen.effect(group).value) is not None
    ]
    if not ranked:
        return None
    _, group = max(ranked, key=_delta)
    item = _evidence(results, confirm).get(group.id)
    if item is None:
        return None
    place, row = group.place, group.row
    assert place is not None
    assert row.scope is not None
    assert item.said is not None
    return BestCell(
        cell=group.name,
        scorer=place.scorer,
        scope=row.scope,
        steps=row.steps,
        sparsity=place.sparsity,
        chosen_on=tuple(screen.splits),
        tasks=tuple(confirm.splits),
        delta=item.delta,
        low=item.low,
        high=item.high,
        unit=item.unit,
        p_different=item.p_different,
        q_improves=item.q_improves,
        verdict=item.said,
        n=item.n,
        margin=item.margin,
    )


def _delta(ranked: tuple[float, Group]) -> float:
    return ranked[0]


def _stage(job: Job, results: RunRecord, model: str, name: str) -> Stage | None:
    """The stage's rows of the measure of the tasks that choose; other tasks measure something else."""
    named = (stage for stage in stages(results) if stage.model == model and stage.name == name)
    return next((stage for stage in named if any(task.chooses for task in job.make(stage.splits))), None)


def _evidence(results: RunRecord, stage: Stage) -> dict[str, Evidence]:
    """The evidence against dense, on the mean over the stage's tasks, by the id of the group of cells."""
    return {
        item.group: item
        for item in results.evidence
        if (item.model, item.stage, item.metric) == (stage.model, stage.name, stage.measure.metric)
        and item.against == "dense"
        and item.task is None
    }
