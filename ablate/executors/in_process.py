"""The executor that recipes use unless they name another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from ablate.executors.base import Executor, Item, Outcome


class InProcess(Executor):
    """Evaluates one cell at a time in this process. torch uses all cores."""

    name: ClassVar[str] = "in-process"
    help: ClassVar[str] = "one cell at a time in this process, on all of its cores"

    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        # Lazy, so that each cell is stored before the next one is prepared.
        return map(work, items)
