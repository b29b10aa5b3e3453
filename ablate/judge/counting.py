"""Tells how many of a run's cells are judged."""

from __future__ import annotations

from collections.abc import Callable

from ablate.events import Event, Watch


class Counting:
    """Sends an event as the statistics begin, and one for each judged cell."""

    def __init__(self, watch: Watch, cells: int) -> None:
        self._watch, self._left = watch, cells
        watch(Event("begin", "statistics", cells, part="statistics"))

    def add(self, stage: str, cells: int, *, cached: bool = False) -> None:
        """Counts cells of a stage, none beyond all: some are judged again without a task that cannot be judged."""
        for _ in range(min(cells, self._left)):
            self._left -= 1
            self._watch(Event("cell", stage, cached=cached, part="statistics"))

    def part(self, stage: str, cells: int) -> Callable[[float], None]:
        """Called with the share of the work that is done on some cells together, it counts as many of them."""
        counted = 0

        def advance(share: float) -> None:
            nonlocal counted
            added = int(share * cells) - counted
            counted += added
            self.add(stage, added)

        return advance
