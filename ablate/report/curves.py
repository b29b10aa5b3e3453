"""Sparsity curves as data: how the score changes as more units are removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ablate.judge.effects import Stage
from ablate.judge.group import Group, differing, extra


class Point(NamedTuple):
    """A point of a curve.

    sparsity: in per cent.
    value, low, high: Δ and the ends of its band, in the stage's unit.
    matched: mean and sample standard deviation of the matched draws.
    verdict: on the cell; None without evidence.
    """

    sparsity: float
    value: float
    low: float | None
    high: float | None
    matched: tuple[float, float] | None
    verdict: str | None = None


@dataclass(frozen=True)
class Curve:
    """One scorer at one granularity. seeded: whether it is a control, whose band is ± sd over its seeds."""

    granularity: str
    label: str
    seeded: bool
    points: tuple[Point, ...]


def curves(stage: Stage) -> list[Curve]:
    """The curves of a stage; those of fewer than two sparsities are left out."""
    groups = [group for group in stage.groups if not group.off_grid]
    extras = differing(groups)
    lines: dict[tuple[str, str, bool], list[Point]] = {}
    for group in groups:
        row, point = group.row, _point(stage, group)
        label = ", ".join([str(row.scorer), *(f"{name} {extra(group, name)}" for name in extras)])
        if point is not None:
            lines.setdefault((str(row.granularity), label, group.is_control), []).append(point)
    return [
        Curve(*key, tuple(sorted(points, key=lambda point: point.sparsity)))
        for key, points in lines.items()
        if len(points) > 1
    ]


def _point(stage: Stage, group: Group) -> Point | None:
    sparsity, effect = group.row.sparsity, stage.effect(group)
    # The sparsity `negative` has no place on the axis.
    if effect.value is None or not isinstance(sparsity, int | float):
        return None
    low = high = None
    evidence = stage.evidence_on(group)
    if group.is_control:
        if effect.sd is not None:
            low, high = effect.value - effect.sd, effect.value + effect.sd
    elif evidence is not None:
        low, high = evidence.low, evidence.high
    control = stage.matched(group)
    matched = None if control.value is None else (control.value, control.sd or 0.0)
    return Point(100 * sparsity, effect.value, low, high, matched, evidence.verdict if evidence else None)
