"""The evidence on every cell of a stage: against dense and its matched draws, on each task and on their mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ablate.judge.effects import Stage, over_tasks
from ablate.judge.findings import Findings, Settings
from ablate.judge.group import Group
from ablate.record import Evidence, Samples
from ablate.statistics.arrays import Values
from ablate.statistics.compare import AgainstDraws, Comparison
from ablate.statistics.correction import adjust
from ablate.statistics.power import largest_ps
from ablate.statistics.resample import Judged
from ablate.statistics.verdict import CLAIMS, Claim, verdict


def judge_stage(
    stage: Stage, tasks: Mapping[str, Judged], values: Mapping[str, Mapping[str, Values]], settings: Settings
) -> list[Evidence]:
    """The evidence on one stage's cells.

    Args:
        tasks: how each task is judged. A task that is absent has no evidence, and then neither has the mean.
        values: task -> key of a result -> float32 [pairs of the task's panel].

    Returns:
        One item for each cell, task (None = the mean over all) and comparison, against dense, matched and searched. A
        cell has no evidence where it lacks a score, and none against matched or searched with fewer than two of them.
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
        claims = [finding.claims() for finding in of_cells]
        qs = corrected(claims, settings.correction)
        beats = [finding.drawn.p for finding in of_cells if finding.drawn]
        q_beats = iter(adjust(beats, settings.correction))
        rivals = [finding.searched.p for finding in of_cells if finding.searched]
        q_rivals = iter(adjust(rivals, settings.correction))
        room, found_by = _room(stage, members), [finding.smallest for finding in of_cells]
        smallest = {claim: smallest_gains(claim, claims, found_by, settings, room) for claim in SIZED}
        for number, (finding, ps, q) in enumerate(zip(of_cells, claims, qs, strict=True)):
            asked = Asked(stage, finding.group, task, finding.margin, settings.level, pairs, settings.correction)
            of_dense = finding.dense, finding.p, finding.studentized
            sizes = {claim: of[number] for claim, of in smallest.items()}
            found = Found(*of_dense, ps, q, finding.undrawn, sizes, finding.samples)
            items.append(against_dense(asked, "dense", found))
            if finding.drawn is not None:
                items.append(_against_draws(asked, "matched", finding.drawn, finding.sign, next(q_beats)))
            if finding.searched is not None:
                items.append(_against_draws(asked, "searched", finding.searched, finding.sign, next(q_rivals)))
    return list(with_harmed(items, several=len(stage.splits) > 1))


def corrected(claims: Sequence[Mapping[Claim, float]], method: str) -> list[dict[Claim, float]]:
    """The corrected p of each claim on each cell. A family is one claim on one task, over a stage's cells."""
    qs: list[dict[Claim, float]] = [{} for _ in claims]
    for claim in CLAIMS:
        tested = [i for i, ps in enumerate(claims) if claim in ps]
        for i, q in zip(tested, adjust([claims[i][claim] for i in tested], method), strict=True):
            qs[i][claim] = q
    return qs


SIZED: tuple[Claim, ...] = ("improves", "better")
"""The claims of which the evidence says what gain they take."""


def smallest_gains(
    claim: Claim,
    claims: Sequence[Mapping[Claim, float]],
    smallest: Sequence[Callable[[Claim, float], float | None]],
    settings: Settings,
    room: float | None,
) -> list[float | None]:
    """The gain of each cell that would get the claim with 80 % power, where the p of the other cells stand.

    Args:
        smallest: of each cell, the gain that the claim takes at a p.
        room: the highest gain that the scale allows.

    Returns:
        None where the claim is not tested, or no gain would get it.
    """
    tested = [number for number, ps in enumerate(claims) if claim in ps]
    found: list[float | None] = [None] * len(claims)
    if not tested:
        return found
    largest = largest_ps([claims[number][claim] for number in tested], settings.level, settings.correction)
    for number, p in zip(tested, largest.tolist(), strict=True):
        gain = smallest[number](claim, p)
        found[number] = None if gain is None or (room is not None and gain > room) else gain
    return found


def _room(stage: Stage, tasks: Sequence[str]) -> float | None:
    """How much the dense model's mean score may rise: points end at 100. None if there is no such end."""
    if stage.measure.unit != "points" or not stage.measure.higher_is_better:
        return None
    score = over_tasks(stage.dense, tasks, stage.score_of).value
    return None if score is None else 100 - score


def with_harmed(items: Sequence[Evidence], several: bool) -> Iterator[Evidence]:
    """The items; those on a mean over several tasks with the tasks on which the same comparison says ``harms``."""
    harmed: dict[tuple[str, str], list[str]] = {}
    for item in items:
        if item.task is not None and item.verdict == "harms":
            harmed.setdefault((item.group, item.against), []).append(item.task)
    for item in items:
        tasks = harmed.get((item.group, item.against), ()) if several and item.task is None else ()
        yield replace(item, harmed=tuple(tasks))


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


@dataclass(frozen=True)
class Found:
    """What was found against the dense model, as it came or trained.

    p: two-sided, of no difference, studentized or not. claims, qs: the p of each claim that is tested, and the same
    corrected. untested: why ``improves`` is not. smallest: the gain that a claim takes; see :func:`smallest_gains`.
    samples: of a mean over several tasks.
    """

    compared: Comparison
    p: float
    studentized: bool
    claims: Mapping[Claim, float]
    qs: Mapping[Claim, float]
    untested: str | None
    smallest: Mapping[Claim, float | None]
    samples: Samples | None = None


def against_dense(asked: Asked, against: str, found: Found) -> Evidence:
    """The evidence against the dense model, with its verdict."""
    return replace(
        _evidence(asked, against, found.compared),
        p_different=found.p,
        studentized=found.studentized,
        p_harmless=found.claims.get("harmless"),
        q_harms=found.qs.get("harms"),
        q_improves=found.qs.get("improves"),
        q_better=found.qs.get("better"),
        q_harmless=found.qs.get("harmless"),
        q_worse=found.qs.get("worse"),
        untested=found.untested,
        smallest_improves=found.smallest.get("improves"),
        smallest_better=found.smallest.get("better"),
        samples=found.samples,
        verdict=verdict(asked.level, found.qs),
    )


def against_random(
    asked: Asked, against: str, compared: Comparison, p: float, q: float, draws: int, beaten: int
) -> Evidence:
    """The evidence against random units. p, q: that the cell does not beat them, as found and corrected."""
    item = _evidence(asked, against, compared)
    return replace(item, p_beats=p, q_beats=q, draws=draws, beaten=beaten)


def _against_draws(asked: Asked, against: str, drawn: AgainstDraws, sign: float, q: float) -> Evidence:
    compared = drawn.comparison if sign > 0 else drawn.comparison.reversed()
    item = against_random(asked, against, compared, drawn.p, q, drawn.draws, drawn.beaten)
    return replace(item, draws_asked=asked.group.row.draws_asked) if against == "matched" else item


def _evidence(asked: Asked, against: str, compared: Comparison) -> Evidence:
    """A comparison without its tests."""
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
        p_different=None,
        studentized=None,
        p_beats=None,
        p_harmless=None,
        q_harms=None,
        q_improves=None,
        q_better=None,
        q_harmless=None,
        q_worse=None,
        q_beats=None,
        untested=None,
        resamples=len(compared.boots),
        verdict=None,
        harmed=(),
        smallest_improves=None,
        smallest_better=None,
        draws=None,
        beaten=None,
    )
