"""The evidence on every cell of a stage: against dense and its matched draws, on each task and on their mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from ablate.judge.effects import Stage, over_tasks
from ablate.judge.finding import Finding, Findings, Place
from ablate.judge.findings import Settings, compare
from ablate.judge.group import Group
from ablate.record import Evidence, Samples
from ablate.statistics.arrays import Values
from ablate.statistics.compare import Interval
from ablate.statistics.correction import adjust
from ablate.statistics.power import largest_ps
from ablate.statistics.resample import Judged
from ablate.statistics.verdict import CLAIMS, Claim, verdict


def judge_stage(
    stage: Stage, tasks: Mapping[str, Judged], values: Mapping[str, Mapping[str, Values]], settings: Settings
) -> list[Evidence]:
    """The evidence on one stage's cells, all compared now.

    Args:
        tasks: how each task is judged. A task that is absent has no evidence, and then neither has the mean.
        values: task -> key of a result -> float32 [pairs of the task's panel].
    """
    return evidence_on(stage, list(tasks), compare(stage, stage.groups, tasks, values, settings), settings)


def evidence_on(
    stage: Stage, tasks: Sequence[str], findings: Mapping[str, Findings], settings: Settings
) -> list[Evidence]:
    """The evidence on one stage's cells: what was found of them, corrected over all of them.

    Args:
        tasks: those that are judged.
        findings: by the cell's id.

    Returns:
        One item for each cell, task (None = the mean over all) and comparison, against dense, matched and searched. A
        cell has no evidence where it lacks a score, and none against matched or searched with fewer than two of them.
    """
    places: list[tuple[Place, list[str]]] = [(task, [task]) for task in tasks]
    if tasks and len(tasks) == len(stage.splits):
        places.insert(0, (None, list(tasks)))
    items: list[Evidence] = []
    for task, members in places:
        # The mean over a single task is that task.
        place = members[0] if len(members) == 1 else None
        of_cells = [
            (group, finding) for group in stage.groups if (finding := findings.get(group.id, {}).get(place)) is not None
        ]
        items += _corrected_on(stage, task, members, of_cells, settings)
    return with_harmed(items, several=len(stage.splits) > 1)


def _corrected_on(
    stage: Stage, task: Place, members: Sequence[str], of_cells: Sequence[tuple[Group, Finding]], settings: Settings
) -> Iterator[Evidence]:
    """The evidence on one place. members: its tasks."""
    found = [finding for _, finding in of_cells]
    gainless = sum(group.gainless for group, _ in of_cells)
    claims = [cast(Mapping[Claim, float], finding.claims) for finding in found]
    # What racing has stopped is tested of nothing, but the same pairs stopped it: the family is as large as it was.
    claims += [_NOTHING_FOUND] * len(stage.stopped)
    # What has no draws because it has no gain stays in the family too, with the p that it has whatever its draws are.
    claims += [_NOT_IMPROVED] * gainless
    qs = corrected(claims, settings.correction)
    p_drawn = [one.drawn.p for one in found if one.drawn]
    q_drawn = iter(adjust([*p_drawn, *[1.0] * gainless], settings.correction))
    q_searched = iter(adjust([one.searched.p for one in found if one.searched], settings.correction))
    room = _room(stage, members)
    found_by: list[Callable[[Claim, float], float | None]] = [finding.smallest for finding in found]
    found_by += [_no_gain] * (len(stage.stopped) + gainless)
    smallest = {claim: smallest_gains(claim, claims, found_by, settings, room) for claim in SIZED}
    for number, (group, finding) in enumerate(of_cells):
        asked = Asked(stage, group, task, finding.margin, settings.level, finding.n, settings.correction)
        sizes = {claim: of[number] for claim, of in smallest.items()}
        of_dense = finding.dense, finding.p, finding.studentized, claims[number], qs[number]
        yield against_dense(asked, "dense", Found(*of_dense, finding.undrawn, sizes, finding.samples))
        if one := finding.drawn:
            of_draws = one.p, next(q_drawn), one.draws, one.beaten
            yield against_random(asked, "matched", one.interval, *of_draws, group.row.draws_asked)
        if one := finding.searched:
            yield against_random(asked, "searched", one.interval, one.p, next(q_searched), one.draws, one.beaten)


_NOTHING_FOUND: Mapping[Claim, float] = dict.fromkeys(CLAIMS, 1.0)
_NOT_IMPROVED: Mapping[Claim, float] = {"improves": 1.0}


def _no_gain(_claim: Claim, _p: float) -> None:
    return None


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


def with_harmed(items: Sequence[Evidence], several: bool) -> list[Evidence]:
    """The items; those on a mean over several tasks with the tasks on which the same comparison says ``harms``."""
    harmed: dict[tuple[str, str], list[str]] = {}
    for item in items if several else ():
        if item.task is not None and item.verdict == "harms":
            harmed.setdefault((item.group, item.against), []).append(item.task)
    return [
        replace(item, harmed=tuple(tasks))
        if item.task is None and (tasks := harmed.get((item.group, item.against)))
        else item
        for item in items
    ]


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

    compared: Interval
    p: float
    studentized: bool
    claims: Mapping[Claim, float]
    qs: Mapping[Claim, float]
    untested: str | None
    smallest: Mapping[Claim, float | None]
    samples: Samples | None = None


def against_dense(asked: Asked, against: str, found: Found) -> Evidence:
    """The evidence against the dense model, with its verdict."""
    return _evidence(
        asked,
        against,
        found.compared,
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
    asked: Asked,
    against: str,
    compared: Interval,
    p: float,
    q: float,
    draws: int,
    beaten: int,
    draws_asked: int | None = None,
) -> Evidence:
    """The evidence against random units.

    Args:
        p, q: that the cell does not beat them, as found and corrected.
        draws_asked: how many draws there would have been, if they may stop early.
    """
    of_draws = {"draws": draws, "draws_asked": draws_asked, "beaten": beaten}
    return _evidence(asked, against, compared, p_beats=p, q_beats=q, **of_draws)


_OF_TESTS = (
    *("p_different", "studentized", "p_beats", "p_harmless", "untested", "verdict", "draws", "beaten"),
    *("q_harms", "q_improves", "q_better", "q_harmless", "q_worse", "q_beats", "smallest_improves", "smallest_better"),
)


def _evidence(asked: Asked, against: str, compared: Interval, **found: Any) -> Evidence:
    """A comparison with what its tests have found; None where a test was not made."""
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
        resamples=compared.resamples,
        harmed=(),
        dim=stage.measure.dim,
        **(dict.fromkeys(_OF_TESTS) | found),
    )
