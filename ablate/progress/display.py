"""Chooses how the progress of a run is shown: live in a terminal, in the output of a notebook's cell, or as lines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from ablate.events import Watch, silent
from ablate.progress.lines import Lines


@contextmanager
def shown(console: Console, *, lines: bool) -> Iterator[Watch]:
    """A watch that shows the events of a run until the end of the block.

    Args:
        console: of stderr.
        lines: whether to print lines where there is neither a terminal nor a notebook; otherwise nothing is shown.
    """
    if console.is_jupyter:
        from ablate.progress.notebook import InNotebook

        with InNotebook() as in_notebook:
            yield in_notebook
    elif console.is_terminal and not console.is_dumb_terminal:
        from ablate.progress.live import InTerminal

        with InTerminal(console) as in_terminal:
            yield in_terminal
    else:
        yield Lines(console) if lines else silent
