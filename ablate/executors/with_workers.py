"""The base of executors with workers, which a run starts once and uses in all of its stages."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar, Protocol

from pydantic import PrivateAttr

from ablate.executors.base import Executor, Item, Outcome


class Workers(Protocol):
    """Workers that are running."""

    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        """As :meth:`~ablate.executors.base.Executor.map`."""


class WithWorkers(Executor):
    """Within :meth:`running` all calls of :meth:`map` share the workers; outside each has its own."""

    isolates: ClassVar[bool] = True
    chunks: ClassVar[bool] = True

    _workers: Workers | None = PrivateAttr(None)

    @abstractmethod
    def started(self) -> AbstractContextManager[Workers]:
        """Workers, which end with the block."""

    @contextmanager
    def running(self) -> Iterator[None]:
        with self.started() as self._workers:
            try:
                yield
            finally:
                self._workers = None

    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        if self._workers is not None:
            yield from self._workers.map(work, items)
            return
        with self.started() as workers:
            yield from workers.map(work, items)
