"""When draws that may stop early are looked at, and what share of the level each look gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

FEWEST = 5
"""Draws before which nothing is looked at: Student's t of fewer has so long tails that it settles nothing."""

LAST = 0.8
"""The share of the level that the look at all draws gets. The looks before it share the rest equally."""


@dataclass(frozen=True)
class Looks:
    """The looks at the draws of a cell. numbers: how many draws have been made at each, ascending; the last is all."""

    numbers: tuple[int, ...]

    @classmethod
    def of(cls, most: int) -> Looks:
        """The looks at ``most`` draws: at all, at half of them, at half of that and so on down to :data:`FEWEST`.

        Halves are rounded up: 20 draws are looked at after 5, 10 and 20, and 8 only at the end.
        """
        numbers = [most]
        while (half := (numbers[0] + 1) // 2) >= FEWEST:
            numbers.insert(0, half)
        return cls(tuple(numbers))

    @property
    def several(self) -> bool:
        """Whether there is a look before the last."""
        return len(self.numbers) > 1

    def share(self, made: int) -> float:
        """The share of the level of the look after ``made`` draws, in (0, 1]. All shares together are 1."""
        if not self.several:
            return 1.0
        early = self.numbers[:-1]
        return LAST if made > early[-1] else (1 - LAST) / len(early)


class Look(NamedTuple):
    """One look at the draws of a cell. made: how many have been made by then, those that failed included."""

    looks: Looks
    made: int

    @property
    def share(self) -> float:
        """Its share of the level; see :meth:`Looks.share`."""
        return self.looks.share(self.made)

    @property
    def share_of_last(self) -> float:
        """The share of the level that the look at all draws has."""
        return self.looks.share(self.looks.numbers[-1])

    @property
    def more(self) -> int:
        """How many draws are left."""
        return self.looks.numbers[-1] - self.made
