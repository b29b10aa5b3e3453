"""What sparsity added: each trained cell against the dense model trained with the same budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ablate.errors import AblateError
from ablate.judge.difference import Difference, compared
from ablate.judge.effects import Group, Stage, stages
from ablate.judge.evidence import corrected, numbers, shared
from ablate.judge.findings import claims, margin_of
from ablate.plugins import Registry
from ablate.recipe.recipe import Statistics
from ablate.record import RunRecord
from ablate.statistics.compare import smallest_effect
from ablate.statistics.verdict import verdict
from ablate.store.store import Store

ALONE = "train"
"""The way of the control."""


def judge_against_training(
    results: RunRecord, store: Store, registry: Registry, settings: Statistics
) -> list[dict[str, Any]]:
    """The evidence on every trained cell against training alone, means over train seeds on both sides.

    Returns:
        Items as :func:`ablate.judge.evidence.judge_stage` gives them, ``against`` being ``trained``; ``q`` is
        corrected over the trained cells of the stage. None of a stage whose control has no score.
    """
    found: list[dict[str, Any]] = []
    for stage in stages(results):
        alone = [group for group in stage.groups if group.row["way"] == ALONE]
        cells = [group for group in stage.groups if group.row["way"] not in (None, ALONE)]
        if not alone or not cells:
            continue
        against = list(alone[0].seeds.values())
        each: dict[str | None, list[tuple[Group, Difference]]] = {}
        for group in cells:
            try:
                for one in compared(results, stage, list(group.seeds.values()), against, store, registry, settings):
                    # Of a single task the mean over all is the task itself.
                    for task in dict.fromkeys((one.task, None if len(stage.splits) == 1 else one.task)):
                        each.setdefault(task, []).append((group, one))
            except AblateError:
                continue  # judge() has said why, in `withheld`
        for task, pairs in each.items():
            found += _judged(stage, task, pairs, settings)
    return found


def _judged(
    stage: Stage, task: str | None, pairs: Sequence[tuple[Group, Difference]], settings: Statistics
) -> Iterator[dict[str, Any]]:
    margin = margin_of(stage, [task] if task else list(stage.splits), settings)
    sign = stage.measure.higher_is_better
    tested = [claims(one.compared if sign else one.compared.turned(), one.p, margin) for _, one in pairs]
    for (group, one), claim, q in zip(pairs, tested, corrected(tested, settings.correction), strict=True):
        yield {
            **shared(stage, group),
            "task": task,
            "margin": margin,
            "level": settings.level,
            "n": one.pairs,
            "correction": settings.correction,
            "against": "trained",
            **numbers(one.compared, one.p, q["improves"]),
            "verdict": verdict(settings.level, q.get("harms"), q["improves"], q.get("harmless")),
            "p_harmless": claim.get("harmless"),
            "smallest_effect": smallest_effect(one.compared.se, settings.level),
            "draws": None,
            "beaten": None,
        }
