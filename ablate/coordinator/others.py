"""What other runs on the same store are doing: their cells are put off, and found in the store when they are done."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ablate.arguments import argument
from ablate.coordinator.cell_work import CellWork
from ablate.errors import PluginError
from ablate.events import Event, Watch
from ablate.executors.base import Failure
from ablate.plan.plan import Cell
from ablate.store.store import Store

DEADLY = 2
"""How often a process may end while it evaluates a cell, before the cell is not tried again in this process."""

POLL_SECONDS = 0.5


class EndedProcesses(PluginError):
    """Work that has ended its process each time, and is not begun again."""


@dataclass
class Others:
    """What other runs are doing, for one stage.

    isolated: whether a cell that ends its process leaves this one alive.
    """

    store: Store
    watch: Watch
    isolated: bool
    _put_off: dict[Cell, tuple[str, ...]] = field(default_factory=dict)
    _told: bool = False

    def claim(self, work: CellWork) -> CellWork | None:
        """The work, which is this run's from now on; None if another run is at it, and the cell is put off.

        A cell that has ended its process before is given a failure, and no evaluation.
        """
        if work.evaluation is None:
            return work
        keys = tuple(work.keys[wanted.name] for wanted in work.evaluation.tasks)
        taken = self.store.claims.take(keys, all_or_none=True)
        if not taken.mine:
            self._put_off[work.cell] = keys
            return None
        times = max(taken.attempts.values(), default=0)
        if times < DEADLY or self.isolated:
            return work
        self.store.claims.abandon(keys)
        reason = f"the process ended {times} times while it evaluated this cell; `{argument('jobs', 1)}` isolates it"
        failed = work.evaluation.failed(Failure(reason, "other"))
        return replace(work, failures={**work.failures, **failed.failures}, evaluation=None)

    def stored_since(self, work: CellWork) -> bool:
        """Whether another run has stored a result between the look into the store and the claim."""
        if work.evaluation is None:
            return False
        keys = [work.keys[wanted.name] for wanted in work.evaluation.tasks]
        if not self.store.get_results(keys, values=False):
            return False
        self.store.claims.release(keys)
        return True

    def wait(self) -> list[Cell]:
        """Waits until another run has finished or given up a cell that was put off, and returns all such cells."""
        if not self._put_off:
            return []
        if not self._told:
            self._told = True
            count = len(self._put_off)
            claimed = f"{count} {'cell is' if count == 1 else 'cells are'} claimed by other runs on this store"
            self.watch(Event("note", f"{claimed}: waiting"))
        while True:
            busy = self.store.claims.busy({key for keys in self._put_off.values() for key in keys})
            ready = [cell for cell, keys in self._put_off.items() if busy.isdisjoint(keys)]
            if ready:
                for cell in ready:
                    del self._put_off[cell]
                return ready
            time.sleep(POLL_SECONDS)


@contextmanager
def alone(store: Store, keys: Collection[str], what: str, present: Callable[[], bool]) -> Iterator[bool]:
    """Lets one process at a time compute what is stored under keys.

    Args:
        what: for the message. present: whether it is in the store by now.

    Yields:
        True: this process is to compute it. False: another one has.

    Raises:
        EndedProcesses: processes ended while they computed it, :data:`DEADLY` times.
    """
    pause = POLL_SECONDS / 32  # a mask takes little time, a search much
    while not (taken := store.claims.take(keys, all_or_none=True)).mine:
        time.sleep(pause)
        pause = min(2 * pause, POLL_SECONDS)
        if present():
            yield False
            return
    times = max(taken.attempts.values(), default=0)
    if times >= DEADLY:
        store.claims.abandon(keys)
        raise EndedProcesses(f"the process ended {times} times while it computed {what}")
    try:
        yield not present()
    finally:
        store.claims.release(keys)
