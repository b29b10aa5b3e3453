"""``ablate new-plugin``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Kind(StrEnum):
    scorer = "scorer"
    granularity = "granularity"
    task = "task"


def new_plugin(
    name: Annotated[str, typer.Argument(help="How recipes are to call it, such as my-scorer.")],
    kind: Annotated[Kind, typer.Option(help="What it adds.")] = Kind.scorer,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Must not exist; by default ./ablate-NAME.")
    ] = None,
) -> None:
    """Write a small plug-in that works: a package with its entry point, a class, tests of its contract, a README."""
    import shlex

    from ablate.plugins import registry
    from ablate.scaffold.new import write_plugin

    folder = write_plugin(name, kind.value, registry(), output)
    place = shlex.quote(str(folder if folder.is_absolute() else Path(".") / folder))
    print(f"{folder}: the {kind} '{name}'; next:")
    # A path without a slash would be taken for a package of the registry.
    print(f"  pip install -e {place if '/' in place else './' + place}")
    print(f"  ablate check {name}")
    print(f"  pytest {place}")
