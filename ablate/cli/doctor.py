"""``ablate doctor``."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from ablate.cli import complete, options


def doctor(
    store: options.Store = options.STORE,
    verify: Annotated[
        int, typer.Option("--verify", metavar="N", min=0, help="Compute N stored results again, and compare them.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Chooses the results that --verify computes.")] = 0,
    drop_damaged: Annotated[
        bool, typer.Option("--drop-damaged", help="Delete damaged entries of the store, so that they are made again.")
    ] = False,
    device: Annotated[
        str,
        typer.Option(
            "--device",
            help="Where --verify computes: auto, cpu, cuda, cuda:N or mps.",
            autocompletion=complete.device,
        ),
    ] = "auto",
) -> None:
    """Check the environment, the data, the store and the plug-ins, and say what to fix.

    Every checksum of the store is checked. No file is changed, except by --drop-damaged. The exit
    status is 1 if there is something to fix, or if a result computed again is not the stored one.
    """
    # Importing a plug-in would write a .pyc file.
    previous, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        _check(store, verify, seed, drop_damaged, device)
    finally:
        sys.dont_write_bytecode = previous


def _check(store: str, verify: int, seed: int, drop_damaged: bool, device: str) -> None:
    from ablate.cli.console import make_console
    from ablate.doctor.environment import environment
    from ablate.doctor.finding import fixes
    from ablate.doctor.page import page
    from ablate.doctor.plugins import plugins
    from ablate.doctor.sources import sources
    from ablate.doctor.store import store as check_store
    from ablate.errors import ModelError
    from ablate.models.device import resolve
    from ablate.report.tables import print_page

    try:
        resolve(device)
    except ModelError as error:
        raise ModelError(f"--device: {error}") from None
    of_store = check_store(store, verified=verify, seed=seed, drop_damaged=drop_damaged, device=device)
    sections = (environment(), sources(os.environ), *of_store, plugins())
    print_page(page(sections), make_console())
    if fixes(sections):
        raise typer.Exit(1)
