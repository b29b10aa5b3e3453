"""The only way in which a run reads its tasks: it first logs which test sets are read."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.data.items import PairKey
from ablate.plan.job import Job
from ablate.store.store import Store
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded


def read_tasks(
    job: Job,
    store: Store,
    run: str,
    tasks: Sequence[Task],
    seen: frozenset[PairKey],
    cells: int,
    *,
    faults: bool = False,
) -> list[Loaded]:
    """Logs each test set among ``tasks`` as read, and then loads all tasks.

    Args:
        run: its id in the store.
        seen: pairs that calibration or choice has looked at; see :func:`ablate.plan.tasks.load_tasks`, also for
            ``faults``.
        cells: how many cells or removals the tasks are read for.

    Raises:
        StoreError: the store fails.
        DataError, PluginError: a task cannot be read.
    """
    store.record_reads(run, [task.name for task in tasks if task.split == "test"], cells)
    return job.load(tasks, seen, faults=faults)
