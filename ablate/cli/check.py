"""``ablate check``."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Annotated

import typer

from ablate.cli import complete
from ablate.cli.options import Kind


def check(
    name: Annotated[
        str, typer.Argument(help="The plug-in, as `ablate list` calls it.", autocompletion=complete.plugins)
    ],
    kind: Annotated[Kind | None, typer.Option(help="Its kind, if plug-ins of two kinds have the name.")] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter; the others keep their defaults."),
    ] = None,
) -> None:
    """Test an installed plug-in against the contracts of its kind, on tiny models.

    Prints a line for each contract. The exit status is 1 if one failed.
    """
    from rich.console import Console

    from ablate.plugins import find_entry, registry
    from ablate.recipe.document import Document
    from ablate.recipe.explain import check as check_parameters
    from ablate.report.table import Page
    from ablate.report.tables import print_page
    from ablate.testing.contract import outcomes as run_contracts
    from ablate.testing.every import contracts_of

    entry = find_entry(registry(), name, kind)
    plugin = f"{entry.kind} '{name}' of {entry.origin}"
    parameters = Document("", {})
    for text in given or ():
        parameters.override(text)
    if given:
        # Checked here, where an error can name the plug-in; the contracts create the plug-in themselves.
        check_parameters(entry.plugin, parameters.plain(), parameters, subject=f"{entry.kind} '{name}'")
    # stdout is for results, so what a plug-in prints goes to stderr.
    with redirect_stdout(sys.stderr):
        outcomes = list(run_contracts(contracts_of(entry.kind, entry.plugin, **parameters.plain())))
    failed = sum(outcome.verdict == "failed" for outcome in outcomes)
    lines = tuple(f"{o.verdict:<14}  {o.contract}{f': {o.reason}' if o.reason else ''}" for o in outcomes)
    result = f"fails {failed} of {len(outcomes)} contracts" if failed else "keeps its contract"
    foot = [f"{plugin} {result}"]
    if failed and not given and entry.plugin.model_fields:
        foot.append("its parameters have their defaults; --set NAME=VALUE changes one")
    print_page(Page(lines, (), tuple(foot)), Console())
    if failed:
        raise typer.Exit(1)
