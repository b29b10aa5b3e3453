"""Undoes what a plug-in's code has changed of the process, so that the next cell finds it as the first one did."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restored() -> Iterator[None]:
    """At the end of the block, the current folder and every variable of the environment are what they were.

    Variables that are new stay: libraries set some for themselves when they are imported.
    """
    folder, variables = os.getcwd(), dict(os.environ)
    try:
        yield
    finally:
        os.chdir(folder)
        for name, value in variables.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
