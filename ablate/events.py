"""The events of a run, from which progress is displayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

PARTS = ("passes", "screen", "scores", "swaps", "train", "search", "confirm", "statistics")
"""The parts of a run whose time is forecast. Those of one model end in this order."""


@dataclass(frozen=True)
class Event:
    """One event.

    kind: ``note``: a message for the user. ``forecast``: ``total`` pieces of ``part`` are to be done, and may take
        ``seconds``. ``load``: reading the recipe, importing libraries or loading a model begins. ``pass``: a pass over
        the calibration set begins; the next event but a note ends it. ``begin``: a stage of ``total`` cells starts.
        ``cell``: one more of these cells is done. ``fit``: within a cell, a training of ``total`` steps starts.
        ``step``: one more of these steps is done.
    text: the message, what is loaded, the name of the pass, of the stage, of the cell or of the training, or (for
        ``step``) the newest dev score. If a run has several models, passes, stages and trainings begin with the name of
        theirs.
    cached: for ``cell``: its results were already in the store.
    part: for ``forecast``, ``fit``, and ``cell`` of the statistics: one of :data:`PARTS`. For ``begin`` too, or the
        name of a stage that is in none of them.
    of: for ``forecast`` and ``fit`` of the part ``scores``: what is scored, and by what. For ``forecast`` of the
        statistics: their stage, which is the text of each of their cells.
    model: the name of the model, if a run has several.
    """

    kind: Literal["note", "forecast", "load", "pass", "begin", "cell", "fit", "step"]
    text: str
    total: int = 0
    cached: bool = False
    part: str = ""
    seconds: float = 0.0
    model: str = ""
    of: str = ""


Watch = Callable[[Event], None]
"""Called with each event of a run, in order."""


def naming(model: str, watch: Watch) -> Watch:
    """A watch that names the model in every event, and in the texts that are of one model and do not name it."""

    def named(event: Event) -> None:
        unnamed = event.kind not in ("cell", "step", "forecast") and model not in event.text
        watch(replace(event, model=model, text=f"{model}: {event.text}" if unnamed else event.text))

    return named


def silent(_: Event) -> None:
    """Ignores the event. As ``watch``, it turns the display of progress off."""
