"""What earlier runs of a store did with the items of own files, where these have the other role now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.names import plain_name
from ablate.errors import StoreError
from ablate.plan.job import Job
from ablate.store.store import Store
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded, panel_of
from ablate.tasks.own import OwnTask


@dataclass(frozen=True)
class _Earlier:
    """A task of an earlier run. stage: ``screen``, where it chose, or ``confirm``, where it reported.

    clusters: the numbers of the items that counted.
    """

    run: str
    stage: str
    task: str
    clusters: NDArray[np.int64]


def earlier_roles(job: Job, store: Store) -> tuple[str, ...]:
    """A line for each task on an own file that chooses here on items that earlier runs reported, or the reverse.

    A recipe in which one file has both roles is refused. Across runs it is told, since only the user knows what the
    earlier run was for. Items are compared by their panels, so that a copy of a file, or a part of it, is found too.

    Raises:
        StoreError: the database fails.
    """
    own = [(task, "screen") for task in job.choosing if isinstance(task, OwnTask)]
    own += [(task, "confirm") for task in job.tasks.confirm if isinstance(task, OwnTask)]
    if not own:
        return ()
    lines: list[str] = []
    earlier = list(_earlier(store, lines))
    for task, stage in own:
        of_task = _clusters(job, task)
        shared = [
            (one, found) for one in earlier if one.stage != stage and (found := np.isin(of_task, one.clusters)).any()
        ]
        if shared:
            lines.append(_line(task, stage, shared))
    return tuple(lines)


def _line(task: Task, stage: str, shared: Sequence[tuple[_Earlier, NDArray[np.bool_]]]) -> str:
    newest = shared[-1][0]
    runs = len({one.run for one, _ in shared})
    items = int(np.logical_or.reduce([found for _, found in shared]).sum())
    here, there = ("choose", "reported on") if stage == "screen" else ("report", "chose on")
    more = f" and {runs - 1} other run{'s' if runs > 2 else ''}" if runs > 1 else ""
    return f"{items:,} items of '{task.name}' {here} here, and run {newest.run} ('{newest.task}'){more} {there} them"


def _clusters(job: Job, task: Task) -> NDArray[np.int64]:
    data = task.load(job.chosen.source)
    return panel_of(Loaded(task, data, np.ones(len(data), np.bool_))).cluster


def _earlier(store: Store, unread: list[str]) -> Iterator[_Earlier]:
    """The tasks by which finished runs chose or on which they reported, oldest first.

    Args:
        unread: gets a line for each run whose record is damaged.
    """
    for run in store.run_ids():
        try:
            yield from _of_run(store, run, store.about(run))
        except StoreError as error:
            unread.append(f"run {run} is not compared with this one's own files: {error}")


def _of_run(store: Store, run: str, about: Mapping[str, Any]) -> Iterator[_Earlier]:
    panels = about.get("panels") or {}
    chose = about.get("choosing") or about.get("screen") or ()
    for stage, counted in (("screen", chose), ("confirm", about.get("confirm") or ())):
        for name, key in (panels.get(stage) or {}).items():
            # At a dimension, a task has the same items.
            if name == plain_name(name) and name in counted and (panel := store.get_panel(key)) is not None:
                yield _Earlier(run, stage, name, panel.cluster[panel.kept])
