"""``ablate check``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    scorer = "scorer"
    granularity = "granularity"
    task = "task"
    executor = "executor"


def check(
    name: Annotated[str, typer.Argument(help="The plug-in, as `ablate list` calls it.")],
    kind: Annotated[Kind | None, typer.Option(help="Its kind, where plug-ins of two kinds have the name.")] = None,
) -> None:
    """Hold an installed plug-in to the contract of its kind, on tiny models, and say what it keeps.

    A line for each contract. Exit status 1 if one failed.
    """
    from rich.console import Console

    from ablate.plugins import named, registry
    from ablate.report.table import Page
    from ablate.report.tables import print_page
    from ablate.testing.contract import outcomes
    from ablate.testing.every import contracts_of

    entry = named(registry(), name, kind)
    who = f"{entry.kind} '{name}' of {entry.origin}"
    found = list(outcomes(contracts_of(entry.kind, entry.plugin)))
    failed = sum(outcome.verdict == "failed" for outcome in found)
    lines = tuple(f"{o.verdict:<14}  {o.contract}{f': {o.reason}' if o.reason else ''}" for o in found)
    said = f"fails {failed} of {len(found)} contracts" if failed else "keeps its contract"
    print_page(Page(lines, (), (f"{who} {said}",)), Console())
    if failed:
        raise typer.Exit(1)
