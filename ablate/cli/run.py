"""``ablate run``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ablate.cli import options

if TYPE_CHECKING:
    from ablate.events import Watch
    from ablate.plan.job import Job


@options.takes_execution
def run(
    recipe: options.Recipe,
    set_: options.Set = None,
    dev: options.Dev = None,
    test: options.Test = None,
    *,
    execution: options.Execution,
) -> None:
    """Screen the cells of a recipe, confirm the best, and print the results.

    Results in the store are not computed again: the same command continues after an interruption.
    --dev replaces the recipe's screen, and --test its confirm.
    """
    from ablate.cli.execution import execute, loading
    from ablate.events import Event

    def make(watch: Watch) -> Job:
        from ablate.recipe.own_options import OwnFiles
        from ablate.recipe.recipe import load_recipe

        # First, because a mistake in the recipe is then told before torch is imported, which takes seconds.
        checked, document = load_recipe(recipe, set_ or (), **execution.where, files=OwnFiles(dev, test))
        if checked.train is not None:
            ignored = "`ablate run` ignores the recipe's `train` and prunes the model as it is"
            watch(Event("note", f"{ignored}; `ablate train` also trains it"))
        watch(loading(checked))
        from ablate.plan.job import prepare_job

        return prepare_job(checked, document, execution.data, execution.limit)

    execute(make, execution, recipe=recipe)
