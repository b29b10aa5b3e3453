"""The command line. Each command has a file, which only connects the options to the functions that do the work.

Commands import what they need in their functions: torch alone takes a second, and ``ablate --help`` must not.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import Annotated

import typer

from ablate.cli import (
    check,
    compare,
    data,
    diff,
    doctor,
    export,
    init,
    list_,
    new_plugin,
    prevalence,
    report,
    run,
    schema,
    show,
    stability,
    train,
)
from ablate.cli.examples import epilog
from ablate.errors import AblateError

app = typer.Typer(
    name="ablate",
    epilog=epilog(""),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("init", epilog=epilog("init"))(init.init)
app.command("run", epilog=epilog("run"))(run.run)
app.command("compare", epilog=epilog("compare"))(compare.compare)
app.command("train", epilog=epilog("train"))(train.train)
app.command("show", epilog=epilog("show"))(show.show)
app.command("diff", epilog=epilog("diff"))(diff.diff)
app.command("report", epilog=epilog("report"))(report.report)
app.command("export", epilog=epilog("export"))(export.export)
app.command("prevalence", epilog=epilog("prevalence"))(prevalence.prevalence)
app.command("stability", epilog=epilog("stability"))(stability.stability)
app.command("list", epilog=epilog("list"))(list_.list_)
app.command("check", epilog=epilog("check"))(check.check)
app.command("new-plugin", epilog=epilog("new-plugin"))(new_plugin.new_plugin)
app.command("schema", epilog=epilog("schema"))(schema.schema)
app.command("doctor", epilog=epilog("doctor"))(doctor.doctor)
app.add_typer(data.app, name="data")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        from ablate.distribution import DISTRIBUTION

        print(f"ablate {version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def _ablate(
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    no_plugins: Annotated[
        bool, typer.Option("--no-plugins", help="Load only the built-in plug-ins. Comes before the command.")
    ] = False,
) -> None:
    """Finds which parameters of a sentence-embedding model hurt it, and proves it."""
    if no_plugins:
        from ablate.plugin_loading import DISABLE

        # Set in the environment, so that worker processes inherit it.
        os.environ[DISABLE] = "all"


def main() -> None:
    """Runs the command line. A mistake of the user prints one line and exits with status 2; a traceback is a bug."""
    for stream in (sys.stdout, sys.stderr):
        # If the terminal's encoding lacks a character such as Δ, print an escape rather than a traceback.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    # A warning as one line, without the place in our source code.
    warnings.formatwarning = lambda message, *_, **__: f"ablate: {' '.join(str(message).split())}\n"
    try:
        try:
            app()
        finally:
            # A closed pipe is noticed here, where it is handled, and not when Python exits.
            sys.stdout.flush()
    except AblateError as error:
        print(f"ablate: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # Python flushes stdout again at exit, and would print a second BrokenPipeError.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
