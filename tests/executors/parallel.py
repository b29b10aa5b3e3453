"""Executors of threads, of spawned processes and of pickled data, as plug-ins may have them."""

from __future__ import annotations

import multiprocessing
import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor as Pool
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache
from typing import ClassVar

from ablate.executors.base import Executor, Item, Outcome


class Threads(Executor):
    """Several threads of this process, which share its model."""

    name: ClassVar[str] = "threads"
    help: ClassVar[str] = "for tests"

    workers: int = 4

    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        with ThreadPoolExecutor(self.workers) as pool:
            yield from _in_order(pool, work, items, self.workers)


class Spawned(Executor):
    """Processes that start with nothing: what they do not import or are not sent, they do not have."""

    name: ClassVar[str] = "spawned"
    help: ClassVar[str] = "for tests"
    chunks: ClassVar[bool] = True

    workers: int = 2

    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        yield from _in_order(_spawned(self.workers), work, items, 2 * self.workers)


class Pickled(Executor):
    """Pickles what it takes and gives, as for another process; ``taken`` counts the items of each kind."""

    name: ClassVar[str] = "pickled"
    help: ClassVar[str] = "for tests"
    chunks: ClassVar[bool] = True
    taken: ClassVar[Counter[str]] = Counter()

    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        for item in items:
            self.taken[type(item).__name__] += 1
            yield pickle.loads(pickle.dumps(work(pickle.loads(pickle.dumps(item)))))


@cache
def _spawned(workers: int) -> Pool:
    # One for all tests: a process that imports torch takes seconds to start.
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))


def _in_order(pool: Pool, work: Callable[[Item], Outcome], items: Iterable[Item], at_once: int) -> Iterator[Outcome]:
    under_way: deque[Future[Outcome]] = deque()
    for item in items:
        under_way.append(pool.submit(work, item))
        if len(under_way) >= at_once:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
