"""``ablate diff``."""

from __future__ import annotations

from typing import Annotated

import typer

from ablate.cli import options


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A cell: its name in tables, its key or the start of its key.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another cell, or dense.")] = "dense",
    run: options.Run = None,
    model: options.OfModel = None,
    store: options.Store = options.STORE,
) -> None:
    """Compare two cells of a run: Δ, its interval and its p-value, from the scores in the store.

    In a run of several models, each model has a table, unless --model names one.
    """
    from ablate.cli.console import make_console
    from ablate.cli.finished import finished
    from ablate.judge.difference import differences
    from ablate.judge.of_model import of_model
    from ablate.plugins import registry
    from ablate.recipe.recipe import Statistics
    from ablate.report.differences import page
    from ablate.report.tables import print_page
    from ablate.store.store import Store

    with Store(store, create=False) as opened:
        results = of_model(finished(opened, run), model)
        # The settings of the run, so that the interval and the test are those of its tables.
        recorded = {name: value for name, value in (results.about.statistics or {}).items() if name != "withheld"}
        settings = Statistics.model_validate(recorded)
        compared = differences(results, opened, registry(), a, b, settings)
    print_page(page(results, a, b, compared, settings.level), make_console())
