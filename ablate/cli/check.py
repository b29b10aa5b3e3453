"""``ablate check``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ablate.cli import complete
from ablate.cli.options import Kind
from ablate.errors import PluginError

if TYPE_CHECKING:
    from ablate.plugins import Entry
    from ablate.testing.contract import Contract, ContractOutcome


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

    Prints a line for each contract. The exit status is 1 if one failed, and 2 if a parameter is missing.
    """
    from ablate.cli.console import make_console
    from ablate.plugins import find_entry, registry
    from ablate.recipe.document import Document
    from ablate.recipe.explain import check as check_parameters
    from ablate.report.table import Page
    from ablate.report.tables import print_page
    from ablate.testing.every import contracts_of

    entry = find_entry(registry(), name, kind)
    plugin = f"{entry.kind} '{name}' of {entry.origin}"
    parameters = Document("", {})
    for text in given or ():
        parameters.override(text)
    _refuse_without(entry, parameters.plain(), ["ablate", "check", name, *_options(kind, given)])
    if given:
        # Checked here, where an error can name the plug-in; the contracts create the plug-in themselves.
        check_parameters(entry.plugin, parameters.plain(), parameters, subject=f"{entry.kind} '{name}'")
    # stdout is for results, so what a plug-in prints goes to stderr.
    with redirect_stdout(sys.stderr):
        outcomes = _checked(f"check {name}", contracts_of(entry.kind, entry.plugin, **parameters.plain()))
    failed = sum(outcome.verdict == "failed" for outcome in outcomes)
    lines = tuple(f"{o.verdict:<14}  {o.contract}{f': {o.reason}' if o.reason else ''}" for o in outcomes)
    result = f"fails {failed} of {len(outcomes)} contracts" if failed else "keeps its contract"
    foot = [f"{plugin} {result}"]
    if failed and not given and entry.plugin.model_fields:
        foot.append("its parameters have their defaults; --set NAME=VALUE changes one")
    quick = {key: value for key, value in entry.plugin.quick.items() if key not in parameters.plain()}
    if quick:
        short = ", ".join(f"{key}={value}" for key, value in quick.items())
        foot.append(f"checked with {short}, to be quick; --set sets another value")
    print_page(Page(lines, (), tuple(foot)), make_console())
    if failed:
        raise typer.Exit(1)


def _options(kind: Kind | None, given: Sequence[str] | None) -> list[str]:
    """The words of the command line."""
    of_kind = [] if kind is None else ["--kind", kind.value]
    return of_kind + [word for text in given or () for word in ("--set", text)]


def _refuse_without(entry: Entry, given: dict[str, Any], command: Sequence[str]) -> None:
    """Refuses to check a plug-in that cannot do anything yet, rather than to let its contracts fail one by one."""
    missing = entry.plugin.missing(given)
    if missing:
        needed = " and ".join(f"{key} ({why})" if why else key for key, why in missing.items())
        line = shlex.join([*command, *(word for key in missing for word in ("--set", f"{key}=VALUE"))])
        raise PluginError(f"{entry.kind} '{entry.plugin.name}' has to be given {needed}; type: {line}")


def _checked(title: str, contracts: Sequence[Contract]) -> list[ContractOutcome]:
    """The outcomes of contracts.

    In a terminal, a bar on stderr names the contract that is being checked. Elsewhere a line tells each outcome.
    """
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    from ablate.cli.console import make_console
    from ablate.testing.contract import outcomes

    console = make_console(err=True, highlight=False)
    columns = (
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="crop")),
    )
    known: list[ContractOutcome] = []
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task(escape(f"{title}: {contracts[0].name}"), total=len(contracts))
        for outcome in outcomes(contracts):
            known.append(outcome)
            following = contracts[len(known)].name if len(known) < len(contracts) else "done"
            bars.update(bar, advance=1, description=escape(f"{title}: {following}"))
            if not console.is_terminal:
                done = f"{title}: {len(known)} of {len(contracts)} contracts, {outcome.verdict}: {outcome.contract}"
                console.print(done, markup=False, soft_wrap=True)
    return known
