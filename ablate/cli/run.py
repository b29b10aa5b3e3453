"""``ablate run``."""

from __future__ import annotations

import sys

from ablate.cli import options


@options.takes_execution
def run(
    recipe: options.Recipe,
    set_: options.Set = None,
    *,
    execution: options.Execution,
) -> None:
    """Screen a recipe's cells, confirm the best, and print what came of it.

    What the store holds is not computed again: after an interruption, the same command goes on where it stopped.
    """
    from ablate.cli.execution import execute
    from ablate.plan.job import prepare_job
    from ablate.recipe.recipe import load_recipe

    checked, document = load_recipe(recipe, set_ or ())
    if checked.train is not None:
        print("the cells are pruned as the model came; `ablate train` also trains them", file=sys.stderr)
    execute(
        lambda: prepare_job(checked, document, execution.data, execution.limit),
        execution,
        recipe=recipe,
    )
