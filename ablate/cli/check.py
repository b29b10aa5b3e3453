"""``ablate check``."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from enum import StrEnum
from typing import Annotated

import typer

from ablate.cli import complete


class Kind(StrEnum):
    scorer = "scorer"
    granularity = "granularity"
    task = "task"
    executor = "executor"


def check(
    name: Annotated[
        str, typer.Argument(help="The plug-in, as `ablate list` calls it.", autocompletion=complete.plugins)
    ],
    kind: Annotated[Kind | None, typer.Option(help="Its kind, where plug-ins of two kinds have the name.")] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter; others have their defaults."),
    ] = None,
) -> None:
    """Hold an installed plug-in to the contract of its kind, on tiny models, and say what it keeps.

    A line for each contract. Exit status 1 if one failed.
    """
    from rich.console import Console

    from ablate.plugins import named, registry
    from ablate.recipe.document import Document
    from ablate.recipe.explain import check as validated
    from ablate.report.table import Page
    from ablate.report.tables import print_page
    from ablate.testing.contract import outcomes
    from ablate.testing.every import contracts_of

    entry = named(registry(), name, kind)
    who = f"{entry.kind} '{name}' of {entry.origin}"
    parameters = Document("", {})
    for text in given or ():
        parameters.override(text)
    if given:
        validated(entry.plugin, parameters.plain(), parameters, subject=f"{entry.kind} '{name}'")
    with redirect_stdout(sys.stderr):
        found = list(outcomes(contracts_of(entry.kind, entry.plugin, **parameters.plain())))
    failed = sum(outcome.verdict == "failed" for outcome in found)
    lines = tuple(f"{o.verdict:<14}  {o.contract}{f': {o.reason}' if o.reason else ''}" for o in found)
    said = f"fails {failed} of {len(found)} contracts" if failed else "keeps its contract"
    hint = ["its parameters have their defaults; --set NAME=VALUE gives others"]
    unset = failed and not given and entry.plugin.model_fields
    print_page(Page(lines, (), (f"{who} {said}", *(hint if unset else []))), Console())
    if failed:
        raise typer.Exit(1)
