"""``ablate train``."""

from __future__ import annotations

from ablate.cli import options


def train(
    recipe: options.Recipe,
    set_: options.Set = None,
    data: options.Data = None,
    store: options.Store = options.STORE,
    dry_run: options.DryRun = False,
    limit: options.Limit = None,
    form: options.Form = options.Format.table,
    output: options.Output = None,
    keep_going: options.KeepGoing = True,
) -> None:
    """Train a recipe's cells under their masks, and the dense model as long, and print what sparsity added.

    The recipe's `train` says how. What the store holds is not trained again; a training that was interrupted goes on
    from its last checkpoint, to the same weights.
    """
    from ablate.cli.execution import execute
    from ablate.plan.training import prepare_training_job
    from ablate.recipe.recipe import load_recipe

    execute(
        lambda: prepare_training_job(*load_recipe(recipe, set_ or ()), data, limit),
        recipe=recipe,
        store=store,
        dry_run=dry_run,
        form=form,
        output=output,
        keep_going=keep_going,
    )
