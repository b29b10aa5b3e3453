"""``ablate show``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ablate.cli import options


def show(
    target: options.Target = None,
    set_: options.SetInTarget = None,
    runs: Annotated[bool, typer.Option("--runs", help="List the runs of the store.")] = False,
    store: options.Store = options.STORE,
    form: options.Form = options.Format.table,
    output: options.Output = None,
    wide: options.Wide = False,
) -> None:
    """Print the tables and the answer of a run again, from the store. Nothing is computed."""
    from rich.table import Table
    from rich.text import Text

    from ablate.cli.collector import no_collection
    from ablate.cli.console import make_console
    from ablate.cli.finished import finished
    from ablate.cli.output import check_output, deliver
    from ablate.report.html.gather import find_run
    from ablate.store.store import Store

    if runs and (target or set_ or output or form is not options.Format.table):
        raise typer.BadParameter("--runs cannot be combined with a run, a recipe, --set, --format or --output")
    recipe = Path(target) if target and os.path.isfile(target) else None
    check_output(output, recipe, store, form=form)
    with no_collection(), Store(store, create=False) as opened:
        if runs:
            table = Table()
            for column in ("run", "rows", "command"):
                table.add_column(column, overflow="fold")
            for info in opened.runs():
                table.add_row(info.id, str(info.rows), Text(str(info.manifest.get("command", ""))))
            make_console().print(table)
            return
        deliver(finished(opened, find_run(opened, target, set_ or ())), form, output, wide)
