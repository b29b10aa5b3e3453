"""``ablate doctor``."""

from __future__ import annotations

import os
import sys

import typer

from ablate.cli import options


def doctor(store: options.Store = options.STORE) -> None:
    """Check the environment, the data, the store and the plug-ins, and say what to fix.

    No file is changed. The exit status is 1 if there is something to fix.
    """
    # Importing a plug-in would write a .pyc file.
    previous, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        _check(store)
    finally:
        sys.dont_write_bytecode = previous


def _check(store: str) -> None:
    from rich.console import Console

    from ablate.doctor.environment import environment
    from ablate.doctor.finding import fixes
    from ablate.doctor.page import page
    from ablate.doctor.plugins import plugins
    from ablate.doctor.sources import sources
    from ablate.doctor.store import store as check_store
    from ablate.report.tables import print_page

    sections = (environment(), sources(os.environ), check_store(store), plugins())
    print_page(page(sections), Console())
    if fixes(sections):
        raise typer.Exit(1)
