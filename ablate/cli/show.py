"""``ablate show``."""

from __future__ import annotations

from typing import Annotated

import typer

from ablate.cli import options


def show(
    run: Annotated[str | None, typer.Option("--run", help="The run's id; default: the newest with rows.")] = None,
    runs: Annotated[bool, typer.Option("--runs", help="List the runs of the store.")] = False,
    store: options.Store = options.STORE,
    form: options.Form = options.Format.table,
    output: options.Output = None,
) -> None:
    """Print a run's tables again, from the store, computing nothing."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ablate.cli.output import check_output, deliver
    from ablate.errors import StoreError
    from ablate.experiment.place import locate
    from ablate.experiment.store import Store
    from ablate.report.results import Results

    if runs and (run or output or form is not options.Format.table):
        raise typer.BadParameter("--runs lists the runs in a table; --run, --format and --output do not go with it")
    check_output(output, locate(store).path)
    with Store(store, create=False) as opened:
        known = opened.runs()
        if runs:
            table = Table("run", "rows", "command")
            for one in known:
                table.add_row(one.id, str(one.rows), Text(str(one.manifest.get("command", ""))))
            Console().print(table)
            return
        finished = [one.id for one in known if one.rows]
        if run is None and not finished:
            raise StoreError(f"{store}: no run in it has rows yet; finish one with `ablate run`")
        wanted = run or finished[-1]
        results = Results(opened.rows(wanted), opened.about(wanted))
    deliver(results, form, output)
