"""The method on one page: what a unit contributes to a loss, to first order.

Of a weight: ``c(w) = L(w := 0) - L ≈ -w · dL/dw``. Of a unit: the sum over the weights that carry its output, which
equals ``-dL/dξ`` for a mask variable ξ = 1 on that output. Removing units whose contributions are below 0 should lower
the loss. Contributions are summed per unit, then the rule for ``sign`` (:data:`RULES`) is applied to each batch, and
the results are averaged over batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor


def first_order(weight: Tensor, gradient: Tensor) -> Tensor:
    """``-w · dL/dw``: how much the loss would rise, to first order, if the weight were 0.

    Args:
        weight, gradient: of the same shape. They may also be a value that flows through the model and its gradient.
    """
    return -weight * gradient


def per_pair(inputs: Tensor, gradients: Tensor) -> Tensor:
    """The first-order contribution of each column to each pair's own loss (Michel et al. 2019, eq. 2).

    Args:
        inputs: of the module that carries the units' output, float [2 × pairs, tokens, columns]; the left members of
            the pairs come first.
        gradients: of a loss that is a mean over the pairs, in the same shape.

    Returns:
        float [pairs, columns].
    """
    pairs = len(inputs) // 2
    by_sentence = first_order(inputs, gradients).sum(1)
    # The loss is a mean over pairs, so multiply by their number to get the gradient of each pair's own loss.
    # The mask acts on both members of a pair, so add their contributions.
    return pairs * (by_sentence[:pairs] + by_sentence[pairs:])


def signed(contributions: Tensor) -> Tensor:
    """``c``, unchanged: the units whose removal lowers the loss most rank lowest and are removed first."""
    return contributions


def absolute(contributions: Tensor) -> Tensor:
    """``|c|``: the units whose removal changes the loss least rank lowest and are removed first."""
    return contributions.abs()


def squared(contributions: Tensor) -> Tensor:
    """``c²``, whose half is the rise of the loss by the empirical Fisher information (Theis et al. 2018)."""
    return contributions.square()


def absolute_example(contributions: Tensor) -> Tensor:
    """The mean of ``|c|`` over pairs, float [pairs, units] -> float [units]."""
    return contributions.abs().mean(0)


RULES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "signed": signed,
    "absolute": absolute,
    "squared": squared,
    "absolute-example": absolute_example,
}
"""``sign`` -> what is done to a batch's contributions: float [units] in and out, except for ``absolute-example``."""
