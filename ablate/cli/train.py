"""``ablate train``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ablate.cli import options

if TYPE_CHECKING:
    from ablate.events import Watch
    from ablate.plan.job import Job


@options.takes_execution
def train(
    recipe: options.Recipe,
    set_: options.Set = None,
    *,
    execution: options.Execution,
) -> None:
    """Train the cells of a recipe under their masks, and print the effect of sparsity.

    The dense model is trained for the same number of steps, for comparison. The recipe's `train` says how.
    Trained models in the store are not trained again. An interrupted training continues from its
    last checkpoint, to the same weights.
    """
    from ablate.cli.execution import execute, loading

    def make(watch: Watch) -> Job:
        from ablate.recipe.recipe import load_recipe

        # First, because a mistake in the recipe is then told before torch is imported, which takes seconds.
        checked, document = load_recipe(recipe, set_ or (), **execution.where)
        watch(loading(checked))
        from ablate.plan.training import prepare_training_job

        return prepare_training_job(checked, document, execution.data, execution.limit)

    execute(make, execution, recipe=recipe)
