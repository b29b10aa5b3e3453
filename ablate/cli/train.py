"""``ablate train``."""

from __future__ import annotations

from ablate.cli import options


@options.takes_execution
def train(
    recipe: options.Recipe,
    set_: options.Set = None,
    *,
    execution: options.Execution,
) -> None:
    """Train a recipe's cells under their masks, and the dense model as long, and print what sparsity added.

    The recipe's `train` says how. What the store holds is not trained again; a training that was interrupted goes on
    from its last checkpoint, to the same weights.
    """
    from ablate.cli.execution import execute
    from ablate.plan.training import prepare_training_job
    from ablate.recipe.recipe import load_recipe

    execute(
        lambda: prepare_training_job(*load_recipe(recipe, set_ or ()), execution.data, execution.limit),
        execution,
        recipe=recipe,
    )
