"""The one way to read tasks of a run: what is read of test sets is logged first."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.plan.job import Job
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded


def read_tasks(
    job: Job,
    store: Store,
    run: str,
    names: Sequence[str],
    seen: frozenset[tuple[str, str]],
    cells: int,
    *,
    faults: bool = False,
) -> list[Loaded]:
    """Logs each test set among ``names`` as read, and then loads all tasks.

    Args:
        run: its id in the store.
        seen: pairs that calibration or choice has looked at; see :func:`ablate.plan.tasks.load_tasks`, also for
            ``faults``.
        cells: how many cells or removals the tasks are read for.

    Raises:
        StoreError: the store fails.
        DataError, PluginError: a task is unknown, or cannot be read.
    """
    store.record_reads(run, [name for name in names if job.split(name) == "test"], cells)
    return job.load(names, seen, faults=faults)
