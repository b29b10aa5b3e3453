"""Which cells of a stage need no matched draws, and which need no more, by their mean over the tasks."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from ablate.judge.effects import Stage, over_tasks, stages
from ablate.judge.findings import Settings
from ablate.judge.group import Group
from ablate.record import RunRecord
from ablate.statistics.correction import sure_level
from ablate.statistics.early_stop import settled
from ablate.statistics.looks import Look


def gainless_cells(results: RunRecord, without_verdict: Collection[str]) -> set[str]:
    """The keys in rows of the cells that cannot improve, whatever their draws: their mean is not above that of dense.

    If the tasks have several measures, a cell has to be so in each that has verdicts. A cell without a mean that has a
    verdict is not among them, because its single tasks are tested against draws.

    Args:
        results: the rows of one stage of one model. No draws are needed.
        without_verdict: the tasks that cells have no verdict on.
    """
    found: set[str] = set()
    others: set[str] = set()
    for stage in stages(results):
        judged = stage.splits.keys() - without_verdict
        for group in stage.groups if judged else ():
            delta = stage.effect(group).value if judged == stage.splits.keys() else None
            gains = delta is None or stage.measure.sign * delta > 0
            (others if gains else found).add(group.row.key)
    return found - others


def settled_cells(results: RunRecord, look: Look, settings: Settings, gainless: Collection[str] = ()) -> set[str]:
    """The keys in rows of the cells that beat their draws for certain, or have hardly a chance to.

    A cell is judged as the verdict judges it: by the mean over all tasks of one measure, on the pairs that decide. If
    the tasks have several measures, it has to be settled by each. A cell without a score on any task is settled; one
    without a score on some tasks is not, because it has no mean, and its other tasks are tested against all draws.

    Args:
        results: the rows of one stage of one model, with the draws made.
        look: at the draws of all cells that are not settled yet.
        gainless: the keys of the cells that get no draws, which belong to the family of those that do.
    """
    found: set[str] = set()
    unsettled: set[str] = set()
    for stage in stages(results):
        drawn = [group for group in stage.groups if group.matched]
        family = len(drawn) + sum(group.row.key in gainless for group in stage.groups)
        for group in drawn:
            known = _scoreless(stage, group) or _settled(stage, group, look, settings, family)
            (found if known else unsettled).add(group.row.key)
    return found - unsettled


def _scoreless(stage: Stage, group: Group) -> bool:
    return all(stage.delta_of(row) is None for row in group.rows())


def _settled(stage: Stage, group: Group, look: Look, settings: Settings, family: int) -> bool:
    delta = stage.effect(group).value
    if delta is None:
        return False
    sign = stage.measure.sign
    draws = sign * np.array(_deltas(stage, group), np.float64)
    sure = sure_level(settings.level, family, settings.correction)
    return settled(sign * delta, draws, look, settings.level, sure) is not None


def _deltas(stage: Stage, group: Group) -> Sequence[float]:
    """The mean delta of each draw that has one on every task."""
    means = [over_tasks(rows, stage.splits, stage.delta_of).value for rows in group.matched.values()]
    return [mean for mean in means if mean is not None]
