"""What a run tells whoever watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Event:
    """kind: ``note``: a line to show; ``begin``: ``total`` cells of a stage follow; ``cell``: one more is done;
    ``fit``: ``total`` training steps follow, within a cell; ``step``: one more is done.

    text: the line, the stage, the cell, what is trained, or how it goes. For ``cell``, ``cached`` says that it came
    from the store.
    """

    kind: Literal["note", "begin", "cell", "fit", "step"]
    text: str
    total: int = 0
    cached: bool = False


Watch = Callable[[Event], None]


def silent(_: Event) -> None:
    """Watches nothing."""
