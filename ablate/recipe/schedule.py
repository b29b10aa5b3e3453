"""How long a training is, and when a gradual pruning prunes, and how far."""

from __future__ import annotations

from math import ceil

from ablate.recipe.training import Gradual, Train


def steps_of(spec: Train, examples: int) -> int:
    """The optimizer's steps."""
    return spec.steps or spec.epochs * ceil(ceil(examples / spec.batch_size) / spec.accumulate)


def cubic(spec: Gradual, steps: int) -> dict[int, float]:
    """The cubic schedule of Zhu and Gupta (2017), equation 1, from no sparsity at step 0 to the final one.

    Returns:
        Training step after which to prune -> fraction of the final sparsity then removed, rising, the last 1. Where
        there are fewer steps than prunings, the last of a step counts.
    """
    found = {}
    for i in range(1, spec.prunings + 1):
        share = i / spec.prunings
        found[max(1, round(share * spec.until * steps))] = 1 - (1 - share) ** 3
    return found
