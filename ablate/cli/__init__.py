"""The command line: wiring only, a file a command."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from ablate.cli import compare, data, diff, export, list_, prevalence, report, run, schema, show, stability, train
from ablate.errors import AblateError

app = typer.Typer(
    name="ablate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("compare")(compare.compare)
app.command("train")(train.train)
app.command("show")(show.show)
app.command("diff")(diff.diff)
app.command("report")(report.report)
app.command("export")(export.export)
app.command("prevalence")(prevalence.prevalence)
app.command("stability")(stability.stability)
app.command("list")(list_.list_)
app.command("schema")(schema.schema)
app.add_typer(data.app, name="data")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"ablate {version('ablate')}")
        raise typer.Exit


@app.callback()
def _ablate(
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    no_plugins: Annotated[
        bool, typer.Option("--no-plugins", help="Load only what is built in; stands before the command.")
    ] = False,
) -> None:
    """Finds which parameters of a sentence-embedding model hurt it, and proves it."""
    if no_plugins:
        from ablate.plugins import DISABLE

        # Through the environment, so that it holds for worker processes too.
        os.environ[DISABLE] = "all"


def main() -> None:
    """Runs the command line. A user's mistake is one line and status 2; a traceback is a bug."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks Δ gets an escape in its place, not a traceback.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except AblateError as error:
        print(f"ablate: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # Python flushes stdout once more at exit, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
