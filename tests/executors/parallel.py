"""Executors of threads and of spawned processes, as plug-ins may have them."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor as Pool
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache
from typing import ClassVar

from ablate.executors.base import Evaluated, Evaluation, Executor


class Threads(Executor):
    """Several threads of this process, which share its model."""

    name: ClassVar[str] = "threads"
    help: ClassVar[str] = "for tests"

    workers: int = 4

    def map(self, work: Callable[[Evaluation], Evaluated], items: Iterable[Evaluation]) -> Iterator[Evaluated]:
        with ThreadPoolExecutor(self.workers) as pool:
            yield from _in_order(pool, work, items, self.workers)


class Spawned(Executor):
    """Processes that start with nothing: what they do not import or are not sent, they do not have."""

    name: ClassVar[str] = "spawned"
    help: ClassVar[str] = "for tests"

    workers: int = 2

    def map(self, work: Callable[[Evaluation], Evaluated], items: Iterable[Evaluation]) -> Iterator[Evaluated]:
        yield from _in_order(_spawned(self.workers), work, items, 2 * self.workers)


@cache
def _spawned(workers: int) -> Pool:
    # One for all tests: a process that imports torch takes seconds to start.
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))


def _in_order(
    pool: Pool, work: Callable[[Evaluation], Evaluated], items: Iterable[Evaluation], at_once: int
) -> Iterator[Evaluated]:
    under_way: deque[Future[Evaluated]] = deque()
    for item in items:
        under_way.append(pool.submit(work, item))
        if len(under_way) >= at_once:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
