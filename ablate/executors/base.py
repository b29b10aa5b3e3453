"""Where cells are evaluated."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, TypeVar

from ablate.plugin import Plugin

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Executor(Plugin):
    """Evaluates cells; never opens the store, which the coordinator alone writes."""

    @abstractmethod
    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        """``work`` of each item, in order. Items are made lazily: take no more than can be under way."""


class InProcess(Executor):
    """One cell at a time in this process; torch uses the cores."""

    name: ClassVar[str] = "in-process"
    help: ClassVar[str] = "one cell at a time in this process, on all of its cores"

    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        return map(work, items)
