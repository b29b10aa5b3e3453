"""Evaluates cells in several processes of this machine, each with a model of its own."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from loky.process_executor import BrokenProcessPool, ProcessPoolExecutor
from pydantic import Field

from ablate.errors import one_line
from ablate.executors.base import Item, Outcome, lost
from ablate.executors.cores import cores
from ablate.executors.with_workers import WithWorkers
from ablate.executors.worker_process import begin

ATTEMPTS = 3
"""How often an item is begun whose process ends, before it fails."""


class Processes(WithWorkers):
    """Several processes, each with the model and the data, and a share of the cores.

    A process that ends, whatever ended it, is started anew, and its cell is tried again. So a plug-in that crashes
    costs its own cells and no others. Of several CUDA GPUs, each process uses one.
    """

    name: ClassVar[str] = "processes"
    help: ClassVar[str] = "several processes of this machine, each with a model and a share of the cores"

    jobs: int | None = Field(
        None, ge=1, le=1024, description="how many processes; by default one for each GPU, or for each four cores"
    )

    def started(self) -> _Workers:
        return _Workers(self.jobs)


@dataclass
class _Try(Generic[Item]):
    """An item that is given to processes. begun: how often it was."""

    item: Item
    begun: int = 0


class _Workers:
    """Pools of one process each: when a process ends, it is known which item it took along."""

    def __init__(self, jobs: int | None) -> None:
        self._jobs = jobs
        self._pools: dict[int, ProcessPoolExecutor | None] = {}
        self._given: dict[int, Future[Any]] = {}
        """What each pool was given last. It may be of an earlier call of :meth:`map` that is not finished."""
        self._gpus: list[str] = []

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for place in self._pools:
            self._end(place)

    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        source = iter(items)
        ready: deque[_Try[Item]] = deque()
        busy: dict[Future[Outcome], tuple[int, _Try[Item]]] = {}
        try:
            while True:
                # One more than there are processes, so that none waits while the next mask is made.
                while len(ready) + len(busy) <= max(len(self._pools), 1):
                    following = next(source, None)
                    if following is None:
                        break
                    self._prepare(following.device)
                    ready.append(_Try(following))
                    self._start(work, ready, busy)
                self._start(work, ready, busy)
                if not ready and not busy:
                    return
                # If items are ready, any pool that has nothing more to do is waited for.
                others = [given for given in self._given.values() if not given.done()] if ready else []
                wait([*busy, *others], return_when=FIRST_COMPLETED)
                for future in [future for future in busy if future.done()]:
                    place, tried = busy.pop(future)
                    outcome = self._outcome(future, place, tried)
                    if outcome is None:
                        ready.appendleft(tried)
                    else:
                        yield outcome
        finally:
            for place, _ in busy.values():
                self._end(place)

    def _prepare(self, device: str) -> None:
        """Decides how many processes there are, when the first item says what device they are to use."""
        if self._pools:
            return
        self._gpus = _gpus() if device in ("auto", "cuda") else []
        jobs = self._jobs or len(self._gpus) or max(2, cores() // 4)
        self._pools = dict.fromkeys(range(jobs))

    def _start(
        self,
        work: Callable[[Item], Outcome],
        ready: deque[_Try[Item]],
        busy: dict[Future[Outcome], tuple[int, _Try[Item]]],
    ) -> None:
        taken = {place for place, _ in busy.values()} | {place for place, one in self._given.items() if not one.done()}
        for place in self._pools:
            if ready and place not in taken:
                tried = ready.popleft()
                tried.begun += 1
                self._given[place] = future = self._submit(place, work, tried.item)
                busy[future] = place, tried

    def _submit(self, place: int, work: Callable[[Item], Outcome], item: Item) -> Future[Outcome]:
        pool = self._pools[place]
        if pool is not None:
            try:
                return pool.submit(work, item)  # type: ignore[no-any-return]
            except BrokenProcessPool:  # its process ended while it had nothing to do
                self._end(place)
        gpu = self._gpus[place % len(self._gpus)] if len(self._gpus) > 1 else None
        threads = max(1, cores() // len(self._pools))
        pool = self._pools[place] = ProcessPoolExecutor(1, initializer=begin, initargs=(os.getpid(), threads, gpu))
        return pool.submit(work, item)  # type: ignore[no-any-return]

    def _outcome(self, future: Future[Outcome], place: int, tried: _Try[Item]) -> Outcome | None:
        """What the work gave; None if its process ended, and it is to be tried again."""
        try:
            return future.result()
        except BrokenProcessPool as error:
            if self._given[place] is future:  # otherwise the pool is a new one
                self._end(place)
            if tried.begun < ATTEMPTS:
                return None
            given: Outcome = lost(tried.item, f"{_how_it_ended(error)}, {tried.begun} times")
            return given

    def _end(self, place: int) -> None:
        pool, self._pools[place] = self._pools[place], None
        if pool is not None:
            pool.shutdown(wait=True, kill_workers=True)


def _gpus() -> list[str]:
    """The CUDA GPUs that this process sees, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return visible.split(",") if visible else [str(gpu) for gpu in range(torch.cuda.device_count())]


def _how_it_ended(error: BrokenProcessPool) -> str:
    """In words; loky's message has the exit code, as ``SIGSEGV(-11)``."""
    if found := re.search(r"exit codes? of the workers? (?:is|are) \{(\w+)\((-?\d+)\)\}", str(error)):
        name, code = found.groups()
        return f"its process was ended by {name}" if code.startswith("-") else f"its process ended with status {code}"
    return f"its process cannot take it: {one_line(error.__cause__ or error)}"
