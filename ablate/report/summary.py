"""The content of the tables as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ablate.judge.effects import Stage, stages
from ablate.judge.group import Group
from ablate.record import RunRecord, Samples


@dataclass(frozen=True, kw_only=True)
class CellSummary:
    """A cell in a stage, with the means over its seeds and with its controls. Deltas are in ``unit``.

    model, stage, metric, unit, higher_is_better, cell, granularity, scorer, scope, sparsity, steps, chosen: as in the
        cell's rows (:class:`~ablate.record.Row`). If there are several seeds, ``cell`` names the first.
    tasks: the tasks that deltas are means over.
    status: ``ok``, ``undefined``, ``failed``, ``missing`` if a task was not run, or ``stopped`` by racing: then the
        deltas are of the pairs that the cell was evaluated on, and not to be compared with those of other cells.
    delta: the mean over the tasks and seeds, on the pairs that decide.
    sd: the sample standard deviation over seeds, None below two.
    seeds: how many there are.
    delta_full: like ``delta``, on all pairs.
    low, high, p_different, q_harms, q_improves, q_better, q_harmless, q_worse, verdict, harmed, smallest_improves,
        smallest_better: the evidence against dense (:class:`~ablate.record.Evidence`); None without evidence.
    samples: the delta per family of sets, and intervals over sets and over components of pairs that share a sentence
        (:class:`~ablate.record.Samples`); None without evidence, and of a single task.
    said: the verdict with the tasks that are harmed, as in ``improves; harms sickr``.
    matched, matched_sd, matched_draws: mean, sample standard deviation and number of the matched draws.
    evaluations: how many masks were scored on dev to find the cell; None if it was not searched for.
    searched, searches: the mean over the best masks of random searches with as many, and how many searches.
    flipped: the delta of the flipped control.
    dim: of how many components of the embeddings all this is; None for all.
    """

    model: str
    stage: str
    metric: str
    unit: str
    higher_is_better: bool
    tasks: tuple[str, ...]
    cell: str
    granularity: str | None
    scorer: str | None
    scope: str | None
    sparsity: float | str | None
    steps: int
    chosen: bool
    status: str
    delta: float | None
    sd: float | None
    seeds: int
    delta_full: float | None
    low: float | None
    high: float | None
    p_different: float | None
    q_harms: float | None
    q_improves: float | None
    q_better: float | None
    q_harmless: float | None
    q_worse: float | None
    verdict: str | None
    harmed: tuple[str, ...]
    said: str | None
    smallest_improves: float | None
    smallest_better: float | None
    samples: Samples | None
    matched: float | None
    matched_sd: float | None
    matched_draws: int
    evaluations: int | None
    searched: float | None
    searches: int
    flipped: float | None
    dim: int | None = None


def summarize(results: RunRecord) -> Iterator[CellSummary]:
    """A summary of each cell in each stage, without dense, in the order of the tables."""
    for stage in stages(results):
        for group in stage.groups:
            yield _summary(stage, group)
        for group in stage.stopped:
            yield replace(_summary(stage, group), status="stopped")


def _summary(stage: Stage, group: Group) -> CellSummary:
    effect, matched, item, row = stage.effect(group), stage.matched(group), stage.evidence_on(group), group.row
    return CellSummary(
        model=stage.model,
        stage=stage.name,
        metric=stage.measure.metric,
        unit=stage.measure.unit,
        higher_is_better=stage.measure.higher_is_better,
        tasks=tuple(stage.splits),
        cell=row.cell,
        granularity=row.granularity,
        scorer=row.scorer,
        scope=row.scope,
        sparsity=row.sparsity,
        steps=row.steps,
        chosen=group.chosen,
        status=effect.status,
        delta=effect.value,
        sd=effect.sd,
        seeds=effect.count,
        delta_full=stage.effect_on_all(group).value,
        low=item.low if item else None,
        high=item.high if item else None,
        p_different=item.p_different if item else None,
        q_harms=item.q_harms if item else None,
        q_improves=item.q_improves if item else None,
        q_better=item.q_better if item else None,
        q_harmless=item.q_harmless if item else None,
        q_worse=item.q_worse if item else None,
        verdict=item.verdict if item else None,
        harmed=item.harmed if item else (),
        said=item.said if item else None,
        smallest_improves=item.smallest_improves if item else None,
        smallest_better=item.smallest_better if item else None,
        samples=item.samples if item else None,
        matched=matched.value,
        matched_sd=matched.sd,
        matched_draws=matched.count,
        evaluations=row.evaluations,
        searched=stage.searched(group).value,
        searches=len(group.searched),
        flipped=stage.flipped(group).value,
        dim=stage.measure.dim,
    )
