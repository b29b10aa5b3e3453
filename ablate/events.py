"""The events of a run, from which progress is displayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Event:
    """One event.

    kind: ``note``: a message for the user. ``begin``: a stage of ``total`` cells starts. ``cell``: one more of these
        cells is done. ``fit``: within a cell, a training of ``total`` steps starts. ``step``: one more of these steps
        is done.
    text: the message, the name of the stage, of the cell or of the training, or (for ``step``) the newest dev score. If
        a run has several models, stages and trainings begin with the name of theirs.
    cached: for ``cell``: its results were already in the store.
    """

    kind: Literal["note", "begin", "cell", "fit", "step"]
    text: str
    total: int = 0
    cached: bool = False


Watch = Callable[[Event], None]
"""Called with each event of a run, in order."""


def naming(model: str, watch: Watch) -> Watch:
    """A watch that names the model in every event whose text is of one model and does not name it."""

    def named(event: Event) -> None:
        if event.kind in ("cell", "step") or model in event.text:
            watch(event)
        else:
            watch(replace(event, text=f"{model}: {event.text}"))

    return named


def silent(_: Event) -> None:
    """Ignores the event."""
