"""The command line. Each command has a file, which only connects the options to the functions that do the work.

Commands import what they need in their functions: torch alone takes a second, and ``ablate --help`` must not.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from ablate.cli import (
    check,
    choose,
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
from ablate.cli.group import Group
from ablate.cli.say import say
from ablate.cli.signals import handled, told
from ablate.cli.streams import discard_stdout, prepare_streams, stdout_alone
from ablate.errors import AblateError, message
from ablate.printable import visible

app = typer.Typer(
    name="ablate",
    cls=Group,
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
app.command("choose", epilog=epilog("choose"))(choose.choose)
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

        say(f"ablate {version(DISTRIBUTION)}")
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
    prepare_streams()
    # A warning as one line, without the place in our source code.
    warnings.formatwarning = lambda message, *_, **__: f"ablate: {visible(' '.join(str(message).split()))}\n"
    try:
        with handled(), stdout_alone():
            try:
                app()
            finally:
                # A closed pipe or a full disk is noticed here, where it is handled, and not when Python exits.
                sys.stdout.flush()
    except AblateError as error:
        _end(f"ablate: {message(error, MOST)}", 2)
    except BrokenPipeError:
        discard_stdout()
        sys.exit(1)
    except OSError as error:
        # Errors about a file are explained where it is written. What has no name is stdout.
        if error.filename is not None or error.errno not in _FULL:
            raise
        discard_stdout()
        _end(f"ablate: stdout cannot be written ({error.strerror}); make room, or send it elsewhere", 1)
    except KeyboardInterrupt as interrupt:  # outside of a command
        _end(*told(interrupt, "give the same command again"))


MOST = 5000
"""The most characters of an error, which may have the message of a plug-in."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _end(line: str, code: int) -> NoReturn:
    with suppress(OSError):  # stderr may be full too; the status still says it
        say(line, err=True)
        sys.stderr.flush()
    sys.exit(code)
