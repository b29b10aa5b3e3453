"""The forecast of a run for its progress. It reads no test set, since reads are logged and come after the choice."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.coordinator.forecast import Amount, forecast
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.tokens import PROBE
from ablate.data.standard import expected_items
from ablate.events import Event
from ablate.interrupts import any_failure
from ablate.models.encode import prepare
from ablate.plan.job import Job
from ablate.plan.plan import DENSE
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded, at_dims


def expected(job: Job, model_run: ModelRun) -> list[Event]:
    """The forecast of each part of the run of one model.

    None if no screen task may be read yet, if the store has every screened cell, or if it fails.

    The model is probed, which takes about a second. Sets that are not read yet are taken to have as many items as the
    standard sets, or else as the screen tasks have, and items as long as theirs.
    """
    try:
        screen = [task for task in job.load(_readable(job.tasks.screen), faults=True) if len(task.data)]
        planned = {DENSE, *job.plan.cells}
        # Where everything is stored, nothing is computed, not even a probe.
        if not screen or planned <= model_run.stored(planned, at_dims(screen, job.recipe.truncate_dims)):
            return []
        unread = [task for task in job.tasks.screen if task.split == "test"]
        read, guessed = Amount.of(model_run, screen), _guessed(model_run, screen, unread)
        on_screen = Amount(read.tokens + guessed.tokens, read.items + guessed.items, len(job.tasks.screen))
        on_confirm = _guessed(model_run, screen, job.tasks.confirm)
        return list(forecast(job, model_run, screen, (), on_screen, on_confirm).events())
    except any_failure():
        # Whatever fails here, such as a plug-in, fails again in the run, which says of what.
        return []


def _readable(tasks: Sequence[Task]) -> list[Task]:
    return [task for task in tasks if task.split != "test"]


def _guessed(model_run: ModelRun, known: Sequence[Loaded], unread: Sequence[Task]) -> Amount:
    """What tasks have that are not read, from the items of known ones."""
    pairs = [task for task in known if task.task.chooses] or list(known)
    items = sum(len(task.data) for task in pairs)
    texts = [text for task in pairs for text in task.data.sentences]
    probed = texts[:PROBE]
    each = prepare(model_run.model, probed).tokens / len(probed) * len(texts) / items
    expected = sum(expected_items(task.name) or items / len(pairs) for task in unread)
    return Amount(each * expected, expected, len(unread))
