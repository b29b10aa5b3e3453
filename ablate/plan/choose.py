"""Chooses the cells to confirm, by the screen tasks alone. The choice is recorded before a test set is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from ablate.plan.plan import Cell, Plan
from ablate.record import Row


def mean_gains(rows: Sequence[Row], clean: bool) -> dict[str, float]:
    """Each cell's mean gain over its tasks, by its short key. A cell without a gain on one of its tasks is left out.

    Args:
        clean: whether the clean pairs decide, instead of all pairs.
    """
    gains: defaultdict[str, list[float]] = defaultdict(list)
    incomplete = set()
    for row in rows:
        # The Δ of a cell that racing has stopped is of fewer items than those of others.
        gain = None if row.status == "stopped" else row.gain_on(clean)
        if gain is None:
            incomplete.add(row.key)
        else:
            gains[row.key].append(gain)
    return {key: fmean(values) for key, values in gains.items() if key not in incomplete}


def choose(plan: Plan, means: Mapping[Cell, float]) -> tuple[Cell, ...]:
    """The best grid cell of each scorer × granularity (× way), and every explicit cell, in the plan's order.

    Cells that differ only in the seed are chosen together or not at all, by the mean over their seeds: choosing the
    best of several random draws would make random look better than it is. Of equal cells the first is chosen.

    Args:
        means: each cell's mean gain on the screen tasks. Cells without one cannot be chosen.
    """
    best: dict[tuple[str, ...], tuple[float, list[Cell]]] = {}
    for cells in _alike(plan):
        rivals = cells[0].rivals
        if rivals is None or not all(cell in means for cell in cells):
            continue
        mean = fmean(means[cell] for cell in cells)
        if rivals not in best or mean > best[rivals][0]:
            best[rivals] = mean, cells
    grid = [cell for _, cells in best.values() for cell in cells]
    return tuple(dict.fromkeys([*grid, *plan.explicit]))


def contests(plan: Plan) -> list[list[list[Cell]]]:
    """Of each scorer × granularity (× way) the candidates, of which one is chosen: cells that differ only in seed."""
    found: defaultdict[tuple[str, ...], list[list[Cell]]] = defaultdict(list)
    for cells in _alike(plan):
        if cells[0].rivals is not None:
            found[cells[0].rivals].append(cells)
    return list(found.values())


def _alike(plan: Plan) -> list[list[Cell]]:
    """The cells of the grid, those together that differ only in the seed."""
    groups: defaultdict[Cell, list[Cell]] = defaultdict(list)
    for cell in plan.grid:
        groups[_seedless(cell)].append(cell)
    return list(groups.values())


def _seedless(cell: Cell) -> Cell:
    training = replace(cell.training, seed=0) if cell.training else None
    return replace(cell, steps=tuple(replace(step, seed=None) for step in cell.steps), training=training)
