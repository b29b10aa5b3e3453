"""``ablate show``."""

from __future__ import annotations

from typing import Annotated

import typer

from ablate.cli import options


def show(
    run: options.Run = None,
    runs: Annotated[bool, typer.Option("--runs", help="List the runs of the store.")] = False,
    store: options.Store = options.STORE,
    form: options.Form = options.Format.table,
    output: options.Output = None,
) -> None:
    """Print a run's tables again, from the store, computing nothing."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ablate.cli.finished import finished
    from ablate.cli.output import check_output, deliver
    from ablate.store.place import locate
    from ablate.store.store import Store

    if runs and (run or output or form is not options.Format.table):
        raise typer.BadParameter("--runs lists the runs in a table; --run, --format and --output do not go with it")
    check_output(output, locate(store).path, form=form)
    with Store(store, create=False) as opened:
        known = opened.runs()
        if runs:
            table = Table()
            for column in ("run", "rows", "command"):
                table.add_column(column, overflow="fold")
            for one in known:
                table.add_row(one.id, str(one.rows), Text(str(one.manifest.get("command", ""))))
            Console().print(table)
            return
        results = finished(opened, run)
    deliver(results, form, output)
