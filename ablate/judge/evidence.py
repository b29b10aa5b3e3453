"""The evidence on every cell of a stage: against dense and its matched draws, on each task and on their mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ablate.judge.effects import Stage
from ablate.judge.findings import Finding, Findings, Settings
from ablate.judge.group import Group
from ablate.record import Evidence
from ablate.statistics.arrays import Values
from ablate.statistics.compare import Comparison, smallest_effect
from ablate.statistics.correction import adjust
from ablate.statistics.resample import Judged
from ablate.statistics.verdict import verdict


def judge_stage(
    stage: Stage, tasks: Mapping[str, Judged], values: Mapping[str, Mapping[str, Values]], settings: Settings
) -> list[Evidence]:
    """The evidence on one stage's cells.

    Args:
        tasks: how each task is judged. A task that is absent has no evidence, and then neither has the mean.
        values: task -> key of a result -> float32 [pairs of the task's panel].

    Returns:
        One item for each cell, task (None = the mean over all) and comparison, against dense and matched. A cell has no
        evidence where it lacks a score, and none against matched if it has fewer than two draws.
    """
    if not tasks:
        return []
    findings = Findings(stage, tasks, values, settings)
    places: list[tuple[str | None, list[str]]] = [(task, [task]) for task in tasks]
    if len(tasks) == len(stage.splits):
        places.insert(0, (None, list(tasks)))
    items: list[Evidence] = []
    for task, members in places:
        of_cells = [finding for group in stage.groups for finding in findings.of(group, members)]
        pairs = sum(len(tasks[member].panel) for member in members)
        qs = corrected([finding.claims() for finding in of_cells], settings.correction)
        for finding, q in zip(of_cells, qs, strict=True):
            asked = Asked(stage, finding.group, task, finding.margin, settings.level, pairs, settings.correction)
            items += _items(asked, finding, q)
    return items


def corrected(claims: Sequence[Mapping[str, float]], method: str) -> list[dict[str, float]]:
    """The corrected p of each claim on each cell. A family is one claim on one task, over a stage's cells."""
    qs: list[dict[str, float]] = [{} for _ in claims]
    for claim in ("harms", "improves", "harmless", "beats"):
        tested = [i for i, ps in enumerate(claims) if claim in ps]
        for i, q in zip(tested, adjust([claims[i][claim] for i in tested], method), strict=True):
            qs[i][claim] = q
    return qs


@dataclass(frozen=True)
class Asked:
    """What is compared: which cell, on which task, by which rule; see :class:`~ablate.record.Evidence`."""

    stage: Stage
    group: Group
    task: str | None
    margin: float | None
    level: float
    pairs: int
    correction: str


def _items(asked: Asked, finding: Finding, qs: Mapping[str, float]) -> Iterator[Evidence]:
    yield against_dense(asked, "dense", finding.dense, finding.p, finding.claims(), qs)
    drawn = finding.drawn
    if drawn is not None:
        yield _evidence(
            asked,
            "matched",
            drawn.comparison if finding.sign > 0 else drawn.comparison.reversed(),
            drawn.p,
            qs.get("beats"),
            smallest_effect=drawn.smallest_effect,
            draws=drawn.draws,
            beaten=drawn.beaten,
        )


def against_dense(
    asked: Asked, against: str, compared: Comparison, p: float, claims: Mapping[str, float], qs: Mapping[str, float]
) -> Evidence:
    """The evidence against the dense model, untrained or trained, with its verdict.

    Args:
        claims, qs: the p-value of each claim that is tested, and the corrected one.
    """
    return _evidence(
        asked,
        against,
        compared,
        p,
        qs.get("improves"),
        verdict=verdict(asked.level, *(qs.get(claim) for claim in ("harms", "improves", "harmless"))),
        p_harmless=claims.get("harmless"),
        smallest_effect=smallest_effect(compared.se, asked.level),
    )


def _evidence(
    asked: Asked,
    against: str,
    compared: Comparison,
    p: float,
    q: float | None,
    *,
    smallest_effect: float,
    verdict: str | None = None,
    p_harmless: float | None = None,
    draws: int | None = None,
    beaten: int | None = None,
) -> Evidence:
    stage, group = asked.stage, asked.group
    return Evidence(
        model=stage.model,
        stage=stage.name,
        metric=stage.measure.metric,
        unit=stage.measure.unit,
        group=group.id,
        cell=group.name,
        granularity=group.row.granularity,
        scorer=group.row.scorer,
        sparsity=group.row.sparsity,
        task=asked.task,
        margin=asked.margin,
        level=asked.level,
        n=asked.pairs,
        correction=asked.correction,
        against=against,
        delta=compared.delta,
        low=compared.low,
        high=compared.high,
        se=compared.se,
        p=p,
        q=q,
        resamples=len(compared.boots),
        verdict=verdict,
        p_harmless=p_harmless,
        smallest_effect=smallest_effect,
        draws=draws,
        beaten=beaten,
    )
