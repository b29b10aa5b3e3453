"""The command line: wiring only, a file a command."""

from __future__ import annotations

import sys

import typer

from ablate.cli import compare, data, list_, run, schema, show
from ablate.errors import AblateError

app = typer.Typer(
    name="ablate",
    help="Finds which parameters of a sentence-embedding model hurt it, and proves it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("compare")(compare.compare)
app.command("show")(show.show)
app.command("list")(list_.list_)
app.command("schema")(schema.schema)
app.add_typer(data.app, name="data")


def main() -> None:
    """Runs the command line. A user's mistake is one line and status 2; a traceback is a bug."""
    try:
        app()
    except AblateError as error:
        print(f"ablate: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(
            "ablate: interrupted; what was finished is stored, and the same command goes on from there",
            file=sys.stderr,
        )
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
