"""The length of a training, and the schedule of gradual pruning."""

from __future__ import annotations

from math import ceil

from ablate.recipe.training import Gradual, Train


def steps_of(spec: Train, examples: int) -> int:
    """How many optimizer steps a training on this many examples takes."""
    # The last batch of an epoch may be smaller than the others, and so may the last step.
    return spec.steps or spec.epochs * ceil(ceil(examples / spec.batch_size) / spec.accumulate)


def cubic(spec: Gradual, steps: int) -> dict[int, float]:
    """The cubic schedule of Zhu and Gupta (2017), equation 1, starting without sparsity at step 0.

    Args:
        steps: optimizer steps of the training.

    Returns:
        Training step after which to prune -> fraction of the final sparsity to reach there, in (0, 1]. It increases,
        and the last one is 1. If several prunings fall on one step, only the last of them is done.
    """
    schedule = {}
    for i in range(1, spec.prunings + 1):
        share = i / spec.prunings
        schedule[max(1, round(share * spec.until * steps))] = 1 - (1 - share) ** 3
    return schedule
