"""Compares each trained cell with the dense model trained on the same budget, to show the effect of sparsity alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ablate.errors import AblateError
from ablate.judge.difference import Difference, compared
from ablate.judge.effects import Stage, stages
from ablate.judge.evidence import Asked, against_dense, corrected
from ablate.judge.findings import claims, margin_of
from ablate.judge.group import Group
from ablate.plugins import Registry
from ablate.recipe.recipe import Statistics
from ablate.record import Evidence, RunRecord
from ablate.store.store import Store

ALONE = "train"
"""The ``way`` of the control, the trained dense model."""


def judge_against_training(
    results: RunRecord, store: Store, registry: Registry, settings: Statistics
) -> list[Evidence]:
    """The evidence on every trained cell against training alone. Both sides are means over train seeds.

    Returns:
        Items whose ``against`` is ``trained``. ``q`` is corrected over the trained cells of the stage. A stage whose
        control has no score has no items.
    """
    evidence: list[Evidence] = []
    for stage in stages(results):
        alone = [group for group in stage.groups if group.row.way == ALONE]
        cells = [group for group in stage.groups if group.row.way not in (None, ALONE)]
        if not alone or not cells:
            continue
        control = list(alone[0].seeds.values())
        by_task: dict[str | None, list[tuple[Group, Difference]]] = {}
        for group in cells:
            try:
                seeds = list(group.seeds.values())
                for difference in compared(results, stage, seeds, control, store, registry, settings):
                    # If there is only one task, the mean over all tasks is the task itself.
                    places = (difference.task, None if len(stage.splits) == 1 else difference.task)
                    for task in dict.fromkeys(places):
                        by_task.setdefault(task, []).append((group, difference))
            except AblateError:
                continue  # judge() lists the reason in `withheld`
        for task, pairs in by_task.items():
            evidence += _judged(stage, task, pairs, settings)
    return evidence


def _judged(
    stage: Stage, task: str | None, cells: Sequence[tuple[Group, Difference]], settings: Statistics
) -> Iterator[Evidence]:
    margin = margin_of(stage, [task] if task else list(stage.splits), settings)
    higher = stage.measure.higher_is_better
    gains = [difference.compared if higher else difference.compared.reversed() for _, difference in cells]
    tested = [claims(gain, difference.p, margin) for gain, (_, difference) in zip(gains, cells, strict=True)]
    qs = corrected(tested, settings.correction)
    for (group, difference), ps, q in zip(cells, tested, qs, strict=True):
        asked = Asked(stage, group, task, margin, settings.level, difference.pairs, settings.correction)
        yield against_dense(asked, "trained", difference.compared, difference.p, ps, q)
