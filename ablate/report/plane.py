"""The alignment-uniformity plane of Wang and Isola (2020) as data: dense, every cell and every matched draw."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from ablate.judge.effects import Stage
from ablate.judge.group import RowsByTask, label

ALIGN, UNIFORM = "align loss", "uniform loss"
"""The metrics of the two tasks."""


class PlanePoint(NamedTuple):
    """A point of the plane.

    label: the granularity, ``dense`` or ``matched``. cell: its name, for a draw that of its cell.
    verdict: on the cell's scores; None without evidence on them.
    """

    label: str
    cell: str
    uniform: float
    align: float
    verdict: str | None = None


def points(stages: Sequence[Stage]) -> list[PlanePoint]:
    """The points of dense, of every cell (a mean over its seeds) and of every matched draw.

    Args:
        stages: of one model and one name. Each has one metric, and a cell is in the plane if it has both losses.
            Verdicts are of the first that has other scores. Those of truncated embeddings are left out.
    """
    stages = [stage for stage in stages if stage.measure.dim is None]
    by_metric = {stage.measure.metric: stage for stage in stages}
    if not {ALIGN, UNIFORM} <= set(by_metric):
        return []
    align, uniform = by_metric[ALIGN], by_metric[UNIFORM]
    uniform_groups = {group.id: group for group in uniform.groups}
    scored = stage_of_scores(stages)
    pairs: list[tuple[str, str, Sequence[RowsByTask], Sequence[RowsByTask], str | None]] = [
        ("dense", "dense", [align.dense], [uniform.dense], None)
    ]
    for group in align.groups:
        if same := uniform_groups.get(group.id):
            item = scored.evidence_on(group) if scored else None
            verdict = item.verdict if item else None
            name = label(group, align.groups)
            pairs.append((group.kind, name, list(group.seeds.values()), list(same.seeds.values()), verdict))
            pairs += [
                ("matched", name, [rows], [same.matched[draw]], None)
                for draw, rows in group.matched.items()
                if draw in same.matched
            ]
    placed = []
    for kind, name, aligned, spread, verdict in pairs:
        x, y = _score(spread, uniform), _score(aligned, align)
        if x is not None and y is not None:
            placed.append(PlanePoint(kind, name, x, y, verdict))
    return placed


def stage_of_scores(stages: Sequence[Stage]) -> Stage | None:
    """The stage whose verdicts are shown: of scores, and not of the two losses."""
    return next((stage for stage in stages if stage.measure.metric not in (ALIGN, UNIFORM)), None)


def _score(seeds: Sequence[RowsByTask], stage: Stage) -> float | None:
    rows = [tasks.get(task) for tasks in seeds for task in stage.splits]
    scores = [score for row in rows if row is not None and (score := stage.score_of(row)) is not None]
    # None unless every task and seed has a score: means over different seeds cannot be compared.
    return fmean(scores) if scores and len(scores) == len(rows) else None
