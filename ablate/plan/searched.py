"""How many masks the search for a cell has scored on dev sets, and on which."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ablate.granularities.base import Granularity
from ablate.plan.plan import Cell, Plan, Step

LayersOf = Callable[[Granularity], NDArray[np.int64]]
"""int64 [units] of a granularity: each unit's layer."""


def evaluations(plan: Plan, cell: Cell, layers_of: LayersOf) -> int | None:
    """How many masks were scored on a whole dev set, to find a cell; None if none were, or one.

    These are the cells among which it was chosen (:func:`among`), and what their scorers report
    (:meth:`Scorer.evaluations`): once for all of them on the dense model, and then for each cell. Trained cells and
    cells at random are compared otherwise.
    """
    if cell.training or any(step.scorer.seeded for step in cell.steps):
        return None
    rivals = among(plan, cell)
    dense: dict[tuple[object, ...], int] = {}
    later = 0
    # Only scorers that look at tasks are asked, because the count of a granularity's units may take a while.
    for rival in (one for one in rivals or (cell,) if tasks_looked_at(one)):
        left: dict[Granularity, int] = {}
        for number, step in enumerate(rival.steps):
            shares = _shares(step, left, layers_of)
            if number == 0:
                dense[step.scorer, step.granularities] = shares.pop(0)
            later += sum(shares)
    total = len(rivals) + sum(dense.values()) + later
    return total if total > 1 else None


def among(plan: Plan, cell: Cell) -> tuple[Cell, ...]:
    """The grid cells among which a cell is chosen on dev; empty if it is confirmed without a choice."""
    confirm = plan.recipe.confirm
    if confirm is None or confirm.cells == "all" or cell not in plan.grid:
        return ()
    rivals = tuple(other for other in plan.grid if other.rivals == cell.rivals)
    return rivals if len(rivals) > 1 else ()


def on_screen(plan: Plan, cell: Cell) -> bool:
    """Whether the screen tasks that choose have found a cell: by a choice among cells, or by a search of its mask."""
    return cell.searches or bool(among(plan, cell))


def most_masks(cell: Cell, layers_of: LayersOf) -> int:
    """How many masks the searches of a cell's steps score at most."""
    total = 0
    for step in cell.steps:
        if step.search is not None:
            by_layer, border = step.scope == "layer", step.search.border
            round_ = sum(_most_exchanges(layers_of(g), border, by_layer) for g in step.granularities)
            total += 1 + step.search.most * round_
    return total


def tasks_looked_at(cell: Cell) -> tuple[str, ...]:
    """The tasks (or groups) that the scorers of a cell look at."""
    return tuple(dict.fromkeys(name for step in cell.steps for name in step.scorer.tasks()))


def _shares(step: Step, left: dict[Granularity, int], layers_of: LayersOf) -> list[int]:
    """What the scorer of a step reports before each share. ``left``: the units before the step, and then after it."""
    counts: Sequence[int] = [0] * step.steps
    for granularity, sparsity in step.sparsities:
        layers = layers_of(granularity)
        before = left.get(granularity, len(layers))
        remove = 0 if sparsity == "negative" else round(sparsity * len(layers))
        number = len(np.unique(layers))
        units = (before - round(remove * share / step.steps) for share in range(step.steps))
        own = [step.scorer.evaluations(max(of_share, 0), number) for of_share in units]
        counts = [count + more for count, more in zip(counts, own, strict=True)]
        left[granularity] = before - remove
    return list(counts)


def _most_exchanges(layers: NDArray[np.int64], border: int, by_layer: bool) -> int:
    """How many exchanges there are at most at the border of a mask.

    Args:
        layers: int64 [units], each unit's layer.
    """
    sizes = np.bincount(layers).tolist() if by_layer else [len(layers)]
    return sum(_most(size, border) for size in sizes)


def _most(units: int, border: int) -> int:
    half = min(border, units // 2)
    return half * min(border, units - half)
