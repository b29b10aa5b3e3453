"""What a plug-in gets of a cell that is exported, to write its results in a format of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ablate.tasks.base import Task


@dataclass(frozen=True)
class Scored:
    """A cell's score on a task, on all its items and all components of the embeddings, in the task's unit."""

    task: Task
    score: float


ResultWriter = Callable[[str, Sequence[Scored]], Mapping[str, str]]
"""From the name of an exported folder and all scores of its cell to files in it: relative path -> text."""
