"""How many sentences a race encodes at least and at most, for a dry run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ablate.coordinator.looks import looks_of, sentences
from ablate.models.model import Model
from ablate.plan.choose import contests
from ablate.plan.job import Job
from ablate.statistics.race import SHARES
from ablate.tasks.loaded import Loaded


class Bounds(NamedTuple):
    """How many sentences a raced screen encodes with an empty store, controls not included.

    least: if all but one candidate of each contest stop at the first look.
    most: if no cell stops. This is more than without racing, because sentences that parts share are encoded in each.
    unraced: without racing.
    """

    least: int
    most: int
    unraced: int


def bounds(job: Job, tasks: Sequence[Loaded], model: Model) -> Bounds:
    """The bounds for the screen tasks of a job."""
    raced = [task for task in tasks if task.task.chooses]
    others = [task for task in tasks if not task.task.chooses]
    look = looks_of(raced, job.recipe.evaluate.racing_seed)
    parts = [
        sum(sentences([task.only(marks)], model) for task in raced if (marks := look[task.name] == number).any())
        for number in range(len(SHARES) + 1)
    ]
    rest = sentences(raced, model) - parts[0]
    every = sentences(tasks, model)
    racing = [candidates for candidates in contests(job.plan) if len(candidates) > 1]
    cells = sum(len(unit) for candidates in racing for unit in candidates)
    winners = sum(min(map(len, candidates)) for candidates in racing)
    alone = (1 + len(job.plan.cells) - cells) * every
    most = alone + cells * (sum(parts) + sentences(others, model))
    least = alone + cells * parts[0] + winners * max(rest, sentences(others, model))
    return Bounds(least, most, (1 + len(job.plan.cells)) * every)
