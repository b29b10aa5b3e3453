"""What a run says of near-duplicates of what calibrated or chose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ablate.plan.job import Job
from ablate.record import NearDuplicates
from ablate.tasks.loaded import Loaded


def near_duplicates(job: Job, tasks: Sequence[Loaded]) -> NearDuplicates | None:
    """Those of the tasks; None if they are not looked for."""
    counts = {task.task.name: task.near for task in tasks if task.near is not None}
    return NearDuplicates(job.near.action, job.near.similarity, counts) if counts else None


def merged(found: Iterable[NearDuplicates | None]) -> NearDuplicates | None:
    """Those of several stages and models of one run."""
    known = [one for one in found if one is not None]
    if not known:
        return None
    items: dict[str, int] = {}
    for one in known:
        for task, count in one.items.items():
            items[task] = max(count, items.get(task, 0))
    return NearDuplicates(known[0].action, known[0].similarity, items)
