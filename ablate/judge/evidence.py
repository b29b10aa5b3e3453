"""The evidence on every cell of a stage: against dense and its matched draws, on each task and on their mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ablate.judge.effects import Group, Stage
from ablate.judge.findings import Finding, Findings, Settings
from ablate.statistics.arrays import Values
from ablate.statistics.compare import Comparison, smallest_effect
from ablate.statistics.correction import adjust
from ablate.statistics.resample import Judged
from ablate.statistics.verdict import verdict


def judge_stage(
    stage: Stage, tasks: Mapping[str, Judged], values: Mapping[str, Mapping[str, Values]], settings: Settings
) -> list[dict[str, Any]]:
    """The evidence on one stage's cells.

    Args:
        tasks: how each task is judged; one that is absent has no evidence, and then nor has the mean.
        values: task -> key of a result -> float32 [pairs of the task's panel].

    Returns:
        One dict for each cell, task (None = the mean over all) and comparison. ``against``: ``dense`` or ``matched``
        (of a training also ``trained``: see :func:`ablate.judge.against_training.judge_against_training`).
        ``delta``, ``low``, ``high``, ``se``: the difference in ``unit``, its 95 % bootstrap interval, its standard
        error. ``p``: against dense, two-sided, by permutation; against matched, one-sided, that a random draw does as
        well. ``q``: p corrected over the stage's cells, against dense of the claim that the cell improves (None if
        that has no test), against matched that it beats its draws. ``verdict`` and ``p_harmless`` (one-sided, not
        corrected, of the claim that the gain is above minus the margin): against dense only. ``smallest_effect``: would
        have been found with 80 % power. ``n``: pairs counted. ``resamples``: bootstrap draws that have a score.
        ``draws``, ``beaten``: matched draws, and those of a lower gain. A cell without a score on each of the tasks has
        no evidence there, and with fewer than two matched draws none against them.
    """
    if not tasks:
        return []
    drawn = Findings(stage, tasks, values, settings)
    places: list[tuple[str | None, list[str]]] = [(task, [task]) for task in tasks]
    if len(tasks) == len(stage.splits):
        places.insert(0, (None, list(tasks)))
    items: list[dict[str, Any]] = []
    for task, members in places:
        found = [finding for group in stage.groups for finding in drawn.of(group, members)]
        pairs = sum(len(tasks[member].panel) for member in members)
        claims = [finding.claims() for finding in found]
        for finding, q in zip(found, corrected(claims, settings.correction), strict=True):
            place = {
                "task": task,
                "margin": finding.margin,
                "level": settings.level,
                "n": pairs,
                "correction": settings.correction,
            }
            items += _items(stage, finding, q, place)
    return items


def corrected(claims: Sequence[Mapping[str, float]], method: str) -> list[dict[str, float]]:
    """Each cell's corrected p by claim. A family is one claim, over the cells of one model, stage and place."""
    found: list[dict[str, float]] = [{} for _ in claims]
    for claim in ("harms", "improves", "harmless", "beats"):
        having = [i for i, one in enumerate(claims) if claim in one]
        for i, q in zip(having, adjust([claims[i][claim] for i in having], method), strict=True):
            found[i][claim] = q
    return found


def _items(
    stage: Stage, finding: Finding, qs: Mapping[str, float], place: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    level, drawn = place["level"], finding.drawn
    common = {**shared(stage, finding.group), **place}
    claims = (qs.get(claim) for claim in ("harms", "improves", "harmless"))
    yield {
        **common,
        "against": "dense",
        **numbers(finding.dense, finding.p, qs.get("improves")),
        "verdict": verdict(level, *claims),
        "p_harmless": finding.claims().get("harmless"),
        "smallest_effect": smallest_effect(finding.dense.se, level),
        "draws": None,
        "beaten": None,
    }
    if drawn is not None:
        compared = drawn.comparison if finding.sign > 0 else drawn.comparison.turned()
        yield {
            **common,
            "against": "matched",
            **numbers(compared, drawn.p, qs.get("beats")),
            "verdict": None,
            "p_harmless": None,
            "smallest_effect": drawn.smallest_effect,
            "draws": drawn.draws,
            "beaten": drawn.beaten,
        }


def shared(stage: Stage, group: Group) -> dict[str, Any]:
    """The fields of an item that say which cell it is about."""
    return {
        "model": stage.model,
        "stage": stage.name,
        "metric": stage.measure.metric,
        "unit": stage.measure.unit,
        "group": group.id,
        "cell": group.name,
        **{name: group.row[name] for name in ("granularity", "scorer", "sparsity")},
    }


def numbers(found: Comparison, p: float, q: float | None) -> dict[str, Any]:
    """The fields of an item that say what was found."""
    interval = {"delta": found.delta, "low": found.low, "high": found.high, "se": found.se}
    return {**interval, "p": p, "q": q, "resamples": len(found.boots)}
