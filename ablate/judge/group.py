"""Cells that differ only in their seeds are judged as one group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from ablate.record import Row

RowsByTask = dict[str, Row]
"""The rows of one cell by task."""

Extra = Literal["scope", "steps"]
"""What may distinguish cells at the same place in the grid."""

EXTRAS: tuple[Extra, ...] = ("scope", "steps")


class GridPlace(NamedTuple):
    """A place in the grid. sparsity: as asked for, a fraction in [0, 1) or ``negative``."""

    granularity: str
    scorer: str
    sparsity: float | str


@dataclass
class Group:
    """The cells of one stage that differ only in their seeds.

    row: any one of their rows.
    seeds: the rows of each (seed, train seed), by task.
    matched, searched, flipped: the rows of each matched draw, of the best mask of each random search, and of the
        flipped control.
    """

    row: Row
    chosen: bool = False
    seeds: dict[tuple[int | None, int | None], RowsByTask] = field(default_factory=dict)
    matched: dict[int | None, RowsByTask] = field(default_factory=dict)
    searched: dict[int | None, RowsByTask] = field(default_factory=dict)
    flipped: dict[int | None, RowsByTask] = field(default_factory=dict)

    @property
    def is_control(self) -> bool:
        """Whether other cells are compared with it: its scorer is seeded, or it is the trained dense model."""
        return self.row.seed is not None or self.row.way == "train"

    @property
    def gainless(self) -> bool:
        """Whether no matched draws were made of it because it is no better than dense (``controls.stop_early``)."""
        return self.row.draws_made == 0

    @property
    def name(self) -> str:
        """Its place in the grid and its training, without scope, steps and seed; the cell's text if it has no place."""
        place, way = self.place, self.row.way
        if place is None:
            return self.row.cell
        asked = place.sparsity if isinstance(place.sparsity, str) else f"{100 * place.sparsity:.6g} %"
        return f"{place.granularity} × {place.scorer} {asked}" + (f", {way}" if way else "")

    @cached_property
    def place(self) -> GridPlace | None:
        """Its place in the grid, which a trained cell has too; None for a cell of several steps."""
        return _place(self.row)

    @property
    def off_grid(self) -> bool:
        """Whether it is not a grid cell: a sequence of steps, or trained."""
        return self.place is None or self.row.way is not None

    @property
    def kind(self) -> str:
        """Its granularity; or ``trained`` or ``several steps`` if it is not a grid cell."""
        if self.row.way is not None:
            return "trained"
        return "several steps" if self.off_grid else str(self.row.granularity)

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits, the same in every stage and every run of one recipe."""
        return hashlib.sha256(json.dumps(identity_of(self.row)).encode()).hexdigest()[:16]

    def rows(self, drawn: bool = False) -> list[Row]:
        """The rows of all seeds, with those of the matched draws and random searches if asked for."""
        rows = [row for by_task in self.seeds.values() for row in by_task.values()]
        rivals = [row for by_task in self.searched.values() for row in by_task.values()]
        return [*rows, *self.rows_of_draws(), *rivals] if drawn else rows

    def rows_of_draws(self) -> list[Row]:
        """The rows of its matched draws."""
        return [row for by_task in self.matched.values() for row in by_task.values()]


def identity_of(row: Row) -> Hashable:
    """What identifies a cell, apart from seeds: its place in the grid, or its text if it has none, and its training."""
    place = _place(row)
    return (
        row.model,
        row.scope,
        str(row.steps),
        *(("", row.cell) if place is None else place),
        *([row.way] if row.way else []),
    )


def _place(row: Row) -> GridPlace | None:
    if row.granularity is None or row.scorer is None or row.sparsity is None:
        return None
    return GridPlace(row.granularity, row.scorer, row.sparsity)


def stored_result(row: Row) -> str:
    """The key of the stored result of a row that has a score."""
    assert row.result is not None
    return row.result


def extra(group: Group, name: Extra) -> str:
    """A cell's scope or its number of steps, as text."""
    return str(group.row.scope if name == "scope" else group.row.steps)


def differing(groups: Sequence[Group]) -> list[Extra]:
    """Which of scope and steps differ between the cells."""
    return [name for name in EXTRAS if len({extra(group, name) for group in groups}) > 1]


def label(group: Group, among: Sequence[Group]) -> str:
    """The name of a cell among others, with its scope and steps only where they distinguish it."""
    alike = [other for other in among if other.name == group.name]
    return "".join([group.name, *(f", {name} {extra(group, name)}" for name in differing(alike))])
