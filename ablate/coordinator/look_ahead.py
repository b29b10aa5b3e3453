"""Looks up what the store has of the next cells, many at once: a query for one takes as long as a query for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ablate.interrupts import any_failure
from ablate.models.model import Model
from ablate.models.spec import Precision
from ablate.store.keys import result_key
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded
from ablate.tasks.result import Result

AHEAD = 64
"""Of how many cells masks and results are looked up at once."""


class Ahead(NamedTuple):
    """What the store has of some cells: by key, what it knows of their masks, and results."""

    masks: Mapping[str, Mapping[str, Any]]
    results: dict[str, Result]


def look_ahead(
    store: Store, masks: Sequence[str], model: Model, tasks: Sequence[Loaded], precision: Precision
) -> Ahead:
    """What the store has of the cells whose masks have these keys, and of their results on the tasks."""
    abouts = store.masks_about(masks)
    hashes = dict.fromkeys(about["hash"] or None for about in abouts.values())
    try:
        results = [result_key(model, mask, task, precision) for mask in hashes for task in tasks]
    except any_failure():  # a plug-in's task may raise anything; the cells report it
        results = []
    return Ahead(abouts, store.get_results(results))
