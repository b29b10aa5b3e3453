"""``ablate doctor``."""

from __future__ import annotations

import os
import sys

import typer

from ablate.cli import options


def doctor(store: options.Store = options.STORE) -> None:
    """Say whether the environment, the data, the store and the plug-ins are well, and what to mend.

    Nothing on the disk is changed. Exit status 1 if there is something to mend.
    """
    # Importing a plug-in would write its bytecode.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        _look(store)
    finally:
        sys.dont_write_bytecode = before


def _look(store: str) -> None:
    from rich.console import Console

    from ablate.doctor.environment import environment
    from ablate.doctor.finding import mends
    from ablate.doctor.page import page
    from ablate.doctor.plugins import plugins
    from ablate.doctor.sources import sources
    from ablate.doctor.store import store as look_at_store
    from ablate.report.tables import print_page

    sections = (environment(), sources(os.environ), look_at_store(store), plugins())
    print_page(page(sections), Console())
    if mends(sections):
        raise typer.Exit(1)
