"""``ablate new-plugin``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ablate.cli.options import Kind
from ablate.cli.say import say


def new_plugin(
    name: Annotated[
        str,
        typer.Argument(
            help="Its name in recipes, such as my-scorer; of an architecture, the `model_type` of its models."
        ),
    ],
    kind: Annotated[Kind, typer.Option(help="The kind of plug-in.")] = Kind.scorer,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="The folder; must not exist. Default: ./ablate-NAME."),
    ] = None,
) -> None:
    """Write a small plug-in that works: a package with an entry point, a class, tests of its contract and a README."""
    import shlex

    from ablate.plugins import registry
    from ablate.scaffold.new import write_plugin

    folder = write_plugin(name, kind.value, registry(), output)
    path = shlex.quote(str(folder if folder.is_absolute() else Path(".") / folder))
    note = ""
    if kind is Kind.architecture:
        from ablate.scaffold.architecture import not_yet

        note = not_yet(folder)
    say(f"{folder}: the {kind} '{name}'{f'. {note}' if note else ''}; next:")
    # Without a slash, pip takes the path for the name of a package on the index.
    say(f"  pip install -e {path if '/' in path else './' + path}")
    say(f"  ablate check {name}")
    say(f"  pytest {path}")
