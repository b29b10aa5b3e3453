"""Tasks on a user's own files. Each kind is one file: its columns, its parameters and its measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ablate.tasks.own.base import OwnTask, named
from ablate.tasks.own.classification import OwnClassification
from ablate.tasks.own.clustering import OwnClustering
from ablate.tasks.own.pairs import OwnPairs
from ablate.tasks.own.retrieval import OwnRetrieval
from ablate.tasks.own.sts import OwnSts
from ablate.tasks.own.triplets import OwnTriplets

__all__ = ["KINDS", "OwnTask", "own_task"]

KINDS: Mapping[str, type[OwnTask]] = {
    "sts": OwnSts,
    "pairs": OwnPairs,
    "triplets": OwnTriplets,
    "retrieval": OwnRetrieval,
    "classification": OwnClassification,
    "clustering": OwnClustering,
}
"""The kinds of own files, as a recipe names them."""


def own_task(name: str, given: Mapping[str, Any]) -> type[OwnTask]:
    """The class of a task on an own file. The parameters are checked when an object of it is made.

    Args:
        given: the parameters that a recipe gives it; ``kind`` is one of :data:`KINDS`.
    """
    return named(KINDS[given["kind"]], name, given)
