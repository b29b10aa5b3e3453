"""Compares each trained cell with the dense model trained on the same budget, and with random masks trained alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from ablate.errors import AblateError, Undefined
from ablate.judge.difference import Difference, compared
from ablate.judge.effects import Stage, stages
from ablate.judge.evidence import Asked, Found, against_dense, against_random, corrected, smallest_gains, with_harmed
from ablate.judge.findings import claims, margin_of
from ablate.judge.group import Group
from ablate.plugins import Registry
from ablate.recipe.recipe import Statistics
from ablate.record import Evidence, RunRecord
from ablate.statistics.compare import Comparison, seeds_p
from ablate.statistics.correction import adjust
from ablate.statistics.power import smallest_gain
from ablate.statistics.verdict import Claim
from ablate.store.store import Store

ALONE = "train"
"""The ``way`` of the control, the trained dense model."""

NO_RANDOM = "no random mask was trained alike"
ITSELF = "its mask is random itself"


@dataclass(frozen=True)
class _TrainedCell:
    """A trained cell on one task: against training alone, and against the random masks trained alike, if any.

    beats: p that it does not beat the random masks; None without a test. over_seeds: p that another train seed would
    bring no gain over training alone. untested: why either is None.
    """

    group: Group
    alone: Difference
    random: Difference | None
    masks: Sequence[float]
    beats: float | None
    over_seeds: float | None
    untested: str | None


def judge_against_training(
    results: RunRecord, store: Store, registry: Registry, settings: Statistics
) -> list[Evidence]:
    """The evidence on every trained cell against training alone. Both sides are means over train seeds.

    A cell improves if it is better than training alone and than random masks trained alike, on these pairs with the
    models as they are, and over train seeds as well: the p of that claim is the largest of the four.

    Returns:
        Items whose ``against`` is ``trained`` or ``random``; each q is corrected over the trained cells of the stage.
        None of a stage whose control has no score.
    """
    evidence: list[Evidence] = []
    for stage in stages(results):
        alone = [group for group in stage.groups if group.row.way == ALONE]
        cells = [group for group in stage.groups if group.row.way not in (None, ALONE)]
        if not alone or not cells:
            continue
        by_task: dict[str | None, list[_TrainedCell]] = {}
        for group in cells:
            try:
                for task, finding in _findings(results, stage, group, alone[0], store, registry, settings):
                    by_task.setdefault(task, []).append(finding)
            except AblateError:
                continue  # judge() lists the reason in `withheld`
        items = [item for task, findings in by_task.items() for item in _judged(stage, task, findings, settings)]
        evidence += with_harmed(items, several=len(stage.splits) > 1)
    return evidence


def trained_alike(group: Group, among: Sequence[Group]) -> Group | None:
    """The random masks of the same size that were trained as this cell was, at all of its train seeds."""

    def asked(one: Group) -> tuple[object, ...]:
        row = one.row
        return row.way, row.granularity, row.sparsity, row.scope, row.steps

    for other in among:
        if other.row.seed is not None and other.place is not None and asked(other) == asked(group):
            return other if _train_seeds(other) >= _train_seeds(group) else None
    return None


def _findings(
    results: RunRecord,
    stage: Stage,
    group: Group,
    alone: Group,
    store: Store,
    registry: Registry,
    settings: Statistics,
) -> Iterator[tuple[str | None, _TrainedCell]]:
    """The findings on each task and, under None, on the mean over all; of a single task that is the task itself."""
    ours = list(group.seeds.values())
    against = compared(results, stage, ours, list(alone.seeds.values()), store, registry, settings)
    random = None if group.is_control else trained_alike(group, stage.groups)
    masks: dict[str | None, Difference] = {}
    if random is not None:
        theirs = [rows for (_, seed), rows in random.seeds.items() if seed in _train_seeds(group)]
        masks = {one.task: one for one in compared(results, stage, ours, theirs, store, registry, settings)}
    for difference in against:
        finding = _finding(stage, group, alone, random, difference, masks.get(difference.task))
        places = (difference.task, None if len(stage.splits) == 1 else difference.task)
        for task in dict.fromkeys(places):
            yield task, finding


def _finding(
    stage: Stage, group: Group, alone: Group, random: Group | None, difference: Difference, over: Difference | None
) -> _TrainedCell:
    tasks = [difference.task] if difference.task else list(stage.splits)
    beats = over_seeds = None
    reasons = []
    if group.is_control:
        reasons.append(ITSELF)
    elif random is None or over is None:
        reasons.append(NO_RANDOM)
    try:
        over_seeds = seeds_p(_gains(stage, group, alone, tasks))
        if random is not None and over is not None:
            gain = over.compared.delta if stage.measure.higher_is_better else -over.compared.delta
            beats = max(over.p if gain > 0 else 1.0, seeds_p(_gains(stage, group, random, tasks)))
    except Undefined as reason:
        reasons.append(str(reason))
    masks = [] if random is None else _by_mask(stage, random, tasks)
    return _TrainedCell(group, difference, over, masks, beats, over_seeds, "; ".join(reasons) or None)


def _judged(
    stage: Stage, task: str | None, findings: Sequence[_TrainedCell], settings: Statistics
) -> Iterator[Evidence]:
    margin = margin_of(stage, [task] if task else list(stage.splits), settings)
    tested = [_claims(stage, finding, margin) for finding in findings]
    qs = corrected(tested, settings.correction)
    q_beats = iter(adjust([one.beats for one in findings if one.beats is not None], settings.correction))
    # The size at which a cell would improve takes four tests, two of them over train seeds, and is not given.
    sizes = smallest_gains("better", tested, [_smallest(stage, one, settings) for one in findings], settings, None)
    for finding, ps, q, size in zip(findings, tested, qs, sizes, strict=True):
        difference, over = finding.alone, finding.random
        asked = Asked(stage, finding.group, task, margin, settings.level, difference.pairs, settings.correction)
        alone = difference.compared.interval, difference.p, difference.studentized
        found = Found(*alone, ps, q, finding.untested, {"better": size})
        yield against_dense(asked, "trained", found)
        if over is not None and finding.beats is not None:
            mine = stage.effect(finding.group, tasks=[task] if task else ()).value or 0.0
            higher = stage.measure.higher_is_better
            beaten = sum((mine > mask) == higher and mine != mask for mask in finding.masks)
            yield against_random(
                asked, "random", over.compared.interval, finding.beats, next(q_beats), len(finding.masks), beaten
            )


def _smallest(stage: Stage, finding: _TrainedCell, settings: Statistics) -> Callable[[Claim, float], float | None]:
    sign = stage.measure.sign
    gains = finding.alone.compared

    def smallest(_: Claim, p: float) -> float | None:
        return smallest_gain(sign * gains.boots, gains.se, settings.resamples, p)

    return smallest


def _claims(stage: Stage, finding: _TrainedCell, margin: float | None) -> dict[Claim, float]:
    gains: Comparison = finding.alone.compared
    ps = claims(gains if stage.measure.higher_is_better else gains.reversed(), finding.alone.p, margin)
    if finding.beats is not None and finding.over_seeds is not None:
        ps["improves"] = max(ps["better"], finding.over_seeds, finding.beats)
    return ps


def _train_seeds(group: Group) -> set[int | None]:
    return {seed for _, seed in group.seeds}


def _gains(
    stage: Stage, group: Group, other: Group, tasks: Sequence[str]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The gain over the other at each train seed that both have, a mean over the masks of each."""
    sign = stage.measure.sign
    both = sorted(seed for seed in _train_seeds(group) & _train_seeds(other) if seed is not None)
    values = []
    for seed in both:
        mine, theirs = (stage.effect(_at(one, seed), tasks=tasks).value for one in (group, other))
        if mine is not None and theirs is not None:
            values.append(sign * (mine - theirs))
    return np.array(values, np.float64)


def _at(group: Group, train_seed: int) -> Group:
    """The cell at one train seed."""
    return replace(group, seeds={place: rows for place, rows in group.seeds.items() if place[1] == train_seed})


def _by_mask(stage: Stage, random: Group, tasks: Sequence[str]) -> list[float]:
    """The delta of each random mask, a mean over its train seeds."""
    found: dict[int | None, list[float]] = {}
    for (seed, _), rows in random.seeds.items():
        value = stage.effect(replace(random, seeds={(seed, None): rows}), tasks=tasks).value
        if value is not None:
            found.setdefault(seed, []).append(value)
    return [fmean(values) for values in found.values()]
