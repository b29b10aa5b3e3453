"""``ablate diff``."""

from __future__ import annotations

from typing import Annotated

import typer

from ablate.cli import options


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A cell as tables call it, its key or the beginning of it.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The same, or dense.")] = "dense",
    run: options.Run = None,
    store: options.Store = options.STORE,
) -> None:
    """Set two cells of a run against each other, from the store, computing no cell: Δ, its interval, its p-value."""
    from rich.console import Console

    from ablate.cli.finished import finished
    from ablate.judge.difference import differences
    from ablate.plugins import registry
    from ablate.recipe.recipe import Statistics
    from ablate.report.differences import page
    from ablate.report.tables import print_page
    from ablate.store.store import Store

    with Store(store, create=False) as opened:
        results = finished(opened, run)
        used = {name: value for name, value in (results.about.statistics or {}).items() if name != "withheld"}
        settings = Statistics.model_validate(used)
        compared = differences(results, opened, registry(), a, b, settings)
    print_page(page(results, a, b, compared, settings.level), Console())
