"""``ablate run``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ablate.cli import options


def run(
    recipe: Annotated[Path, typer.Argument(help="A YAML recipe, such as recipes/sts.yaml.", show_default=False)],
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change a value of it.")] = None,
    data: options.Data = None,
    store: options.Store = options.STORE,
    dry_run: options.DryRun = False,
    limit: options.Limit = None,
    form: options.Form = options.Format.table,
    output: options.Output = None,
    keep_going: options.KeepGoing = True,
) -> None:
    """Screen a recipe's cells, confirm the best, and print what came of it.

    What the store holds is not computed again: after an interruption, the same command goes on where it stopped.
    """
    from ablate.cli.execution import execute
    from ablate.experiment.job import ready
    from ablate.experiment.recipe import load_recipe

    execute(
        lambda: ready(*load_recipe(recipe, set_ or ()), data, limit),
        recipe=recipe,
        store=store,
        dry_run=dry_run,
        form=form,
        output=output,
        keep_going=keep_going,
    )
