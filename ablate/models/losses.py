"""The losses to which units contribute. Lower is better. Alignment and uniformity: Wang and Isola (2020)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def align_distances(left: Tensor, right: Tensor) -> Tensor:
    """``||f(x) - f(x+)||²`` of each positive pair.

    Args:
        left, right: L2-normalized embeddings, float [pairs, dim].

    Returns:
        float [pairs], each in [0, 4]. Their mean is the align loss (Wang and Isola 2020, eq. 1 with α = 2).
    """
    return (left - right).square().sum(1)


def align_loss(left: Tensor, right: Tensor) -> Tensor:
    """The mean of :func:`align_distances`, in [0, 4]."""
    return align_distances(left, right).mean()


def uniform_loss(embeddings: Tensor) -> Tensor:
    """``log mean over i < j of exp(-2 ||f_i - f_j||²)`` (Wang and Isola 2020, eq. 2 with t = 2).

    Args:
        embeddings: L2-normalized, float [sentences, dim], at least 2 sentences.

    Returns:
        A scalar in [-8, 0].
    """
    n = len(embeddings)
    # Equal sentences are at distance zero, where pdist has no stable gradient and the Gram matrix has one.
    squared = 2 - 2 * (embeddings @ embeddings.T)
    first, second = torch.triu_indices(n, n, 1, device=squared.device)
    return squared[first, second].mul(-2).logsumexp(0) - torch.tensor(n * (n - 1) / 2, device=squared.device).log()


def correlation_loss(left: Tensor, right: Tensor, gold: Tensor) -> Tensor:
    """``1 - r``, where r is Pearson's correlation of the cosines and the gold scores of the pairs in the batch.

    Tasks are scored by Spearman's correlation, which has no gradient.

    Args:
        left, right: L2-normalized embeddings, float [pairs, dim].
        gold: float [pairs], not all equal, on the device of the embeddings.

    Returns:
        A scalar in [0, 2].
    """
    cosines = (left * right).sum(1)
    centered, target = cosines - cosines.mean(), gold - gold.mean()
    r: Tensor = (centered * target).sum() / (centered.norm() * target.norm())
    return 1 - r


def info_nce(left: Tensor, right: Tensor, temperature: float) -> Tensor:
    """``-log exp(cos(x_i, x+_i) / τ) / Σ_j exp(cos(x_i, x+_j) / τ)``, the mean over i (Gao et al. 2021, eq. 1).

    Args:
        left, right: L2-normalized embeddings of positive pairs, float [pairs, dim].
        temperature: τ, above 0; SimCSE's is 0.05.

    Returns:
        A scalar, at least 0; ``log pairs`` if all sentences are alike.
    """
    return cross_entropy(left @ right.T / temperature, torch.arange(len(left), device=left.device))


@dataclass(frozen=True)
class Loss:
    """A differentiable loss of L2-normalized embeddings, to which units contribute.

    name: unique; it is part of the keys of what is computed from it.
    over: ``pairs``: ``value(left, right)`` is called with the embeddings of a batch of positive pairs;
        ``sentences``: ``value(embeddings)`` with those of a batch of sentences; ``graded``: ``value(left, right,
        gold)`` with those of a batch of pairs of any similarity and their gold scores (float [pairs], 0 to 5).
    separable: whether the value is a mean over the examples of the batch (true for align, not for uniform).
    """

    name: str
    over: Literal["pairs", "sentences", "graded"]
    value: Callable[..., Tensor] = field(compare=False)
    separable: bool = False

    def of(self, embeddings: Tensor, gold: Tensor | None = None) -> Tensor:
        """The loss of one batch, a scalar.

        Args:
            embeddings: L2-normalized, float [sentences, dim]; of pairs: the left members, then the right ones.
            gold: float [pairs], of graded pairs, on any device.
        """
        if self.over == "sentences":
            loss: Tensor = self.value(embeddings)
        elif gold is None:
            loss = self.value(*embeddings.chunk(2))
        else:
            loss = self.value(*embeddings.chunk(2), gold.to(embeddings.device))
        return loss


ALIGN = Loss("align", "pairs", align_loss, separable=True)
UNIFORM = Loss("uniform", "sentences", uniform_loss)
CORRELATION = Loss("correlation", "graded", correlation_loss)


def contrastive(temperature: float) -> Loss:
    """:func:`info_nce` at a temperature, as a loss over the pairs of the calibration set."""
    return Loss(f"infonce-{temperature}", "pairs", partial(info_nce, temperature=temperature))
