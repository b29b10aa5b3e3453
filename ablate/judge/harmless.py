"""Up to which sparsity units can go within the margin, corrected over all cells that this is chosen from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ablate.judge.effects import Stage
from ablate.judge.group import Group
from ablate.record import Evidence
from ablate.statistics.sequence import Levels, largest_harmless


@dataclass(frozen=True)
class HarmlessCurve:
    """The cells of one scorer that differ in their sparsity alone, ascending, and how far they are harmless.

    largest: the cell of the largest sparsity that is shown to be harmless on the mean over the tasks, as all smaller
        ones are; None if there is none.
    margin: within which the mean is. task_margins: those of the tasks.
    harmed: the tasks on which the verdict on ``largest`` is ``harms``. unshown: the other tasks that are not shown to
        lose less than their margin.
    cells: how many cells, of how many curves, the claims are corrected over. level: of all claims together.
    """

    groups: tuple[Group, ...]
    largest: Group | None
    margin: float | None
    task_margins: tuple[float, ...]
    harmed: tuple[str, ...]
    unshown: tuple[str, ...]
    cells: int
    curves: int
    level: float

    @property
    def sparsities(self) -> tuple[float, ...]:
        """Those that were tried."""
        return tuple(_sparsity(group) for group in self.groups)

    @property
    def sparsity(self) -> float | None:
        """The largest that is shown to be harmless."""
        return None if self.largest is None else _sparsity(self.largest)


def harmless_curves(stage: Stage, groups: Iterable[Group]) -> list[HarmlessCurve]:
    """How far each scorer's cells are harmless. The error of all statements together is at most the level.

    A scorer's sparsities are tested in ascending order up to the first that fails, on the mean and on each task, at the
    levels of :class:`~ablate.statistics.sequence.Levels`. Cells at random and cells without a sparsity are left out,
    and so are scorers without any evidence.
    """
    curves: dict[tuple[object, ...], list[Group]] = {}
    for group in groups:
        row = group.row
        if not group.is_control and not group.off_grid and isinstance(row.sparsity, int | float):
            curves.setdefault((row.granularity, row.scorer, row.scope, row.steps), []).append(group)
    tested = [
        sorted(of, key=_sparsity) for of in curves.values() if any(_p(stage.evidence_on(one)) is not None for one in of)
    ]
    tasks = list(stage.splits)
    items = [item for of in tested for one in of if (item := stage.evidence_on(one))]
    level = items[0].level if items else 0.05
    levels = Levels.of(level, len(tested), len(tasks))
    cells = sum(map(len, tested))
    return [_curve(stage, of, tasks, levels, cells, len(tested), level) for of in tested]


def _curve(
    stage: Stage, groups: Sequence[Group], tasks: Sequence[str], levels: Levels, cells: int, curves: int, level: float
) -> HarmlessCurve:
    sparsities = [_sparsity(group) for group in groups]

    def up_to(task: str | None, alpha: float) -> float | None:
        return largest_harmless(sparsities, [_p(stage.evidence_on(group, task)) for group in groups], alpha)

    reached = up_to(None, levels.mean)
    largest = None if reached is None else groups[sparsities.index(reached)]
    mean = next((item.margin for group in groups if (item := stage.evidence_on(group))), None)
    harmed: list[str] = []
    unshown: list[str] = []
    margins: list[float] = []
    if largest is not None:
        for task in tasks:
            item = stage.evidence_on(largest, task)
            if item is not None and item.margin is not None:
                margins.append(item.margin)
            if item is not None and item.verdict == "harms":
                harmed.append(task)
            # On a single task, the mean is that task, and it was shown.
            elif len(tasks) > 1 and (up_to(task, levels.task) or -1) < _sparsity(largest):
                unshown.append(task)
    return HarmlessCurve(
        tuple(groups), largest, mean, tuple(margins), tuple(harmed), tuple(unshown), cells, curves, level
    )


def _p(item: Evidence | None) -> float | None:
    return item.p_harmless if item else None


def _sparsity(group: Group) -> float:
    sparsity = group.row.sparsity
    assert isinstance(sparsity, int | float)
    return float(sparsity)
