"""Compares scorers as methods over many tasks: mean ranks, Friedman's test and Nemenyi's critical difference.

J. Demšar, Statistical comparisons of classifiers over multiple data sets, JMLR 7 (2006), 1-30.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np

from ablate.distribution import pip_install
from ablate.errors import AblateError
from ablate.judge.effects import Measure, Stage, stages
from ablate.judge.group import Group
from ablate.record import RunRecord

LEVEL = 0.05
FEWEST_METHODS = 3
FEWEST_BLOCKS = 5


@dataclass(frozen=True)
class MethodComparison:
    """The scorers of one granularity, best mean rank first.

    blocks: each a (model, task), in which the methods are ranked against each other.
    gains: [blocks][methods], Δ of the method's chosen cell on this task, above 0 = better than dense.
    mean_ranks: 1 = best; equal methods share the mean of their ranks.
    chi_square, p: Friedman's test that all methods are alike, k - 1 degrees of freedom, corrected for ties.
    critical_difference: mean ranks that differ by less are not distinguished (Nemenyi, at :data:`LEVEL`).
    """

    granularity: str
    measure: Measure
    methods: tuple[str, ...]
    blocks: tuple[tuple[str, str], ...]
    gains: tuple[tuple[float, ...], ...]
    mean_ranks: tuple[float, ...]
    chi_square: float
    p: float
    critical_difference: float

    def alike(self, method: int) -> tuple[str, ...]:
        """The other methods that Nemenyi's test does not distinguish from this one."""
        return tuple(
            name
            for other, name in enumerate(self.methods)
            if other != method and abs(self.mean_ranks[other] - self.mean_ranks[method]) < self.critical_difference
        )


@dataclass(frozen=True)
class Withheld:
    """Why there is no comparison at a granularity. measure: None if nothing was confirmed."""

    granularity: str
    measure: Measure | None
    reason: str


def compare_methods(results: RunRecord) -> list[MethodComparison | Withheld]:
    """Compares the scorers at each granularity, by the cells that the screen chose and the confirm tasks judged.

    A method's value in a block, which is a task of a model, is its chosen cell's Δ there (mean over seeds), on the
    pairs that decide. The comparison is withheld if nothing was confirmed, there are fewer than three methods or five
    blocks, a value is missing, or the confirm tasks themselves would have to choose the cell.
    """
    run_stages = stages(results)
    kinds = dict.fromkeys(str(group.row.granularity) for stage in run_stages for group in _grid(stage))
    confirmed = [stage for stage in run_stages if stage.name == "confirm" and stage.groups]
    if not confirmed:
        return [Withheld(kind, None, "no cell was confirmed on tasks that had no part in its choice") for kind in kinds]
    comparisons: list[MethodComparison | Withheld] = []
    for measure in dict.fromkeys(stage.measure for stage in confirmed):
        alike = [stage for stage in confirmed if stage.measure == measure]
        screens = {stage.model: stage for stage in run_stages if stage.name == "screen" and stage.measure == measure}
        comparisons += [_compare(kind, measure, alike, screens) for kind in kinds]
    return comparisons


def rank(gains: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """The mean rank of each method over the blocks, 1 = the highest gain. Equal gains share the mean of their ranks."""
    from scipy.stats import rankdata

    return tuple(rankdata(-np.asarray(gains, float), axis=1).mean(axis=0).tolist())


def critical_difference(methods: int, blocks: int) -> float:
    """Nemenyi's critical difference of two mean ranks at :data:`LEVEL` (Demšar 2006, section 3.2.2)."""
    from scipy.stats import studentized_range

    return (
        float(studentized_range.ppf(1 - LEVEL, methods, np.inf)) / sqrt(2) * sqrt(methods * (methods + 1) / 6 / blocks)
    )


def nemenyi(comparison: MethodComparison) -> tuple[tuple[float, ...], ...]:
    """Nemenyi's p of every pair of methods, [methods][methods], 1 on the diagonal.

    Raises:
        AblateError: scikit-posthocs is not installed.
    """
    try:
        from scikit_posthocs import posthoc_nemenyi_friedman
    except ImportError:
        raise AblateError(f"Nemenyi's test needs scikit-posthocs: {pip_install('report')}") from None
    return tuple(map(tuple, posthoc_nemenyi_friedman(np.array(comparison.gains)).to_numpy().tolist()))


def _compare(
    kind: str, measure: Measure, confirmed: Sequence[Stage], screens: dict[str, Stage]
) -> MethodComparison | Withheld:
    cells: dict[str, dict[str, list[Group]]] = {}
    for stage in confirmed:
        for group in _grid(stage):
            if group.row.granularity == kind:
                cells.setdefault(str(group.row.scorer), {}).setdefault(stage.model, []).append(group)
    blocks = tuple((stage.model, task) for stage in confirmed for task in stage.splits)
    for compared, least, what in ((cells, FEWEST_METHODS, "scorers"), (blocks, FEWEST_BLOCKS, "tasks (× models)")):
        if len(compared) < least:
            return Withheld(kind, measure, f"fewer than {least} {what} confirmed ({len(compared)})")
    sign = 1 if measure.higher_is_better else -1
    columns: dict[str, list[float]] = {}
    for scorer, by_model in cells.items():
        for stage in confirmed:
            cell = _chosen(by_model.get(stage.model, []), screens.get(stage.model))
            if cell is None:
                return Withheld(
                    kind, measure, f"no screen task has chosen one of the cells of {scorer} on {stage.model}"
                )
            for task in stage.splits:
                value = stage.effect(cell, tasks=(task,)).value
                if value is None:
                    return Withheld(kind, measure, f"{scorer} has no Δ on {task} of {stage.model}")
                columns.setdefault(scorer, []).append(sign * value)
    return _tested(kind, measure, columns, blocks)


def _tested(
    kind: str, measure: Measure, columns: dict[str, list[float]], blocks: tuple[tuple[str, str], ...]
) -> MethodComparison | Withheld:
    from scipy.stats import friedmanchisquare

    ranks = dict(zip(columns, rank(list(zip(*columns.values(), strict=True))), strict=True))
    methods = tuple(sorted(columns, key=ranks.__getitem__))
    gains = tuple(zip(*(columns[method] for method in methods), strict=True))
    # The statistic would be 0 / 0.
    if all(len(set(block)) == 1 for block in gains):
        return Withheld(kind, measure, "all scorers gain the same in every block")
    statistic, p = map(float, friedmanchisquare(*(columns[method] for method in methods)))
    assert isfinite(statistic)
    difference = critical_difference(len(methods), len(blocks))
    mean_ranks = tuple(ranks[method] for method in methods)
    return MethodComparison(kind, measure, methods, blocks, gains, mean_ranks, statistic, p, difference)


def _grid(stage: Stage) -> list[Group]:
    return [group for group in stage.groups if not group.off_grid]


def _chosen(candidates: Sequence[Group], screen: Stage | None) -> Group | None:
    """The only candidate, or else the one with the best mean on the screen tasks."""
    if len(candidates) < 2 or screen is None:
        return candidates[0] if len(candidates) == 1 else None
    sign = 1 if screen.measure.higher_is_better else -1
    values = {_place(group): screen.effect(group).value for group in _grid(screen)}
    gains = {place: sign * value for place, value in values.items() if value is not None}
    known = [group for group in candidates if _place(group) in gains]
    return max(known, key=lambda group: gains[_place(group)], default=None)


def _place(group: Group) -> tuple[object, ...]:
    row = group.row
    return tuple(map(str, (row.granularity, row.scorer, row.sparsity, row.scope, row.steps)))
