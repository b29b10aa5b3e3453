"""Reads from an earlier run of the same recipe the largest harmless sparsities and the best cell."""

from __future__ import annotations

from ablate.judge.effects import Stage, stages
from ablate.judge.harmless import HarmlessCurve, harmless_curves
from ablate.plan.job import Job
from ablate.recipe.recorded import relevant
from ablate.record import RunRecord
from ablate.store.store import Store
from ablate.studies.prevalence_record import BestCell, HarmlessSparsity


def earlier(job: Job, store: Store) -> RunRecord | None:
    """The newest run in the store that has rows of the same cells on the same data; None if there is none."""
    wanted = relevant(job.recipe.model_dump(mode="json", by_alias=True))
    for run in reversed(store.runs()):
        data, recipe = run.manifest.get("data"), run.manifest.get("recipe", {})
        if run.rows and data == job.chosen.source.label and relevant(recipe) == wanted:
            return RunRecord.from_plain(store.rows(run.id), store.about(run.id))
    return None


def harmless(job: Job, results: RunRecord, model: str, granularity: str) -> tuple[HarmlessSparsity, ...]:
    """The largest harmless sparsity of each scorer, on one stage; see :func:`~ablate.judge.harmless.harmless_curves`.

    The stage is ``confirm`` if it has every cell, else ``screen``.
    """
    # A confirmation of chosen cells has one sparsity of each scorer, and a sequence needs all of them.
    confirms_all = job.recipe.confirm is not None and job.recipe.confirm.cells == "all"
    stage = _stage(job, results, model, "confirm" if confirms_all else "screen")
    if stage is None:
        return ()
    curves = harmless_curves(stage, [group for group in stage.groups if group.row.granularity == granularity])
    return tuple(_of_curve(stage, curve) for curve in curves)


def _of_curve(stage: Stage, curve: HarmlessCurve) -> HarmlessSparsity:
    row = curve.groups[0].row
    assert row.scorer is not None
    assert row.scope is not None
    return HarmlessSparsity(
        scorer=row.scorer,
        scope=row.scope,
        steps=row.steps,
        stage=stage.name,
        tasks=tuple(stage.splits),
        tried=curve.sparsities,
        sparsity=curve.sparsity,
        margin=curve.margin,
        task_margins=curve.task_margins,
        unit=stage.measure.unit,
        harmed=curve.harmed,
        unshown=curve.unshown,
        level=curve.level,
        cells=curve.cells,
        scorers=curve.curves,
    )


def best(job: Job, results: RunRecord, model: str, granularity: str) -> BestCell | None:
    """The cell with the highest Δ on the screen stage, with its evidence on the tasks of the confirm stage.

    None if one of the two stages is absent, or no cell has both a Δ and evidence. The Δ on the pairs that chose the
    cell is not reported, because it is optimistic.
    """
    screen, confirm = (_stage(job, results, model, name) for name in ("screen", "confirm"))
    if screen is None or confirm is None:
        return None
    confirmed = {group.id for group in confirm.groups}
    sign = screen.measure.sign
    ranked = [
        (sign * value, group)
        for group in screen.groups
        if group.row.granularity == granularity and not group.is_control
        if group.id in confirmed and (value := screen.effect(group).value) is not None
    ]
    if not ranked:
        return None
    # By the value alone, because groups have no order.
    _, group = max(ranked, key=lambda pair: pair[0])
    evidence = next((confirm.evidence_on(one) for one in confirm.groups if one.id == group.id), None)
    if evidence is None:
        return None
    place, row = group.place, group.row
    assert place is not None
    assert row.scope is not None
    assert evidence.said is not None
    return BestCell(
        cell=group.name,
        scorer=place.scorer,
        scope=row.scope,
        steps=row.steps,
        sparsity=place.sparsity,
        chosen_on=tuple(screen.splits),
        tasks=tuple(confirm.splits),
        delta=evidence.delta,
        low=evidence.low,
        high=evidence.high,
        unit=evidence.unit,
        p_different=evidence.p_different,
        q_improves=evidence.q_improves,
        verdict=evidence.said,
        n=evidence.n,
        margin=evidence.margin,
    )


def _stage(job: Job, results: RunRecord, model: str, name: str) -> Stage | None:
    """The stage of that name with the tasks that choose. Tasks of another measure, such as losses, have their own."""
    named = (stage for stage in stages(results) if stage.model == model and stage.name == name)
    named = (stage for stage in named if stage.measure.dim is None)
    return next((stage for stage in named if any(task.chooses for task in job.make(stage.splits))), None)
