"""Contribution to the contrastive loss: to first order, and by the empirical Fisher information."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from ablate.errors import PluginError
from ablate.hookspecs import hookimpl
from ablate.scorers.base import GradientContribution, LossScorer, Scorer, SecondOrder, View
from ablate.scorers.losses import Loss

ablate_api = 1


def info_nce(left: Tensor, right: Tensor, temperature: float) -> Tensor:
    """``-log exp(cos(x_i, x+_i) / τ) / Σ_j exp(cos(x_i, x+_j) / τ)``, the mean over i (Gao et al. 2021, eq. 1).

    Args:
        left, right: L2-normalised embeddings of positive pairs, float [pairs, dim].

    Returns:
        A scalar, at least 0; ``log pairs`` where nothing is told apart.
    """
    return cross_entropy(left @ right.T / temperature, torch.arange(len(left)))


def contrastive(temperature: float) -> Loss:
    """:func:`info_nce` at a temperature, as a loss over the pairs of the calibration set."""
    return Loss(f"infonce-{temperature}", "pairs", partial(info_nce, temperature=temperature))


class Taylor(LossScorer):
    """How much the contrastive loss would rise, to first order, if the unit were removed."""

    name: ClassVar[str] = "taylor"
    help: ClassVar[str] = "first-order contribution to the contrastive (InfoNCE) loss of positive pairs"

    temperature: float = Field(0.05, gt=0, allow_inf_nan=False, description="of the softmax over a batch's pairs")
    sign: Literal["signed", "absolute"] = Field(
        "absolute", description="signed: detrimental first; absolute: negligible first"
    )
    pairs: int | None = Field(None, ge=2, description="calibration pairs used; default: all")
    batch_size: int | None = Field(
        None, ge=2, description="pairs a batch, mutual negatives; default: the calibration's"
    )
    second_order: SecondOrder = None

    @property
    def contribution(self) -> GradientContribution:
        loss = contrastive(self.temperature)
        return GradientContribution(loss, self.sign, self.pairs, self.batch_size, self.second_order)


class Fisher(Scorer):
    """``½ · mean over batches of (dL/dξ)²`` for a mask variable ξ = 1 on the unit's output, L the contrastive loss.

    Of a weight that is ``½ · w² · mean (dL/dw)²``: what its removal costs where the mean gradient is 0 and the
    empirical Fisher information stands for the curvature (Theis et al. 2018; Singh and Alistarh 2020).
    """

    name: ClassVar[str] = "fisher"
    help: ClassVar[str] = "squared contributions to the contrastive loss (empirical Fisher), a batch at a time"
    slow: ClassVar[bool] = True

    temperature: float = Field(0.05, gt=0, allow_inf_nan=False, description="of the softmax over a batch's pairs")
    pairs: int | None = Field(None, ge=2, description="calibration pairs used; default: all")
    batch_size: int = Field(8, ge=2, description="pairs a batch, mutual negatives; one square a batch")

    def score(self, view: View) -> Tensor:
        model, calibration = view.model, view.calibration
        assert calibration is not None
        if calibration.dropout:
            raise PluginError("scorer 'fisher' runs the model without dropout; use positives: gold or a file of pairs")
        have = len(calibration.pairs)
        size = have if self.pairs is None else self.pairs
        if not self.batch_size <= size <= have:
            raise PluginError(
                f"scorer 'fisher': {size} calibration pairs in batches of {self.batch_size} are asked for, and there "
                f"are {have}; lower pairs or batch_size, or calibrate on more"
            )
        batches = list(calibration.batches("pairs", size, self.batch_size))
        loss = contrastive(self.temperature)
        weights = {name: model.weight(name) for name in view.weights()}
        squares = torch.zeros(len(view.layers))
        with _differentiable(list(weights.values())):
            for batch in batches:
                unit = normalize(model.embed(model.pad(model.tokenise(list(batch.sentences)))), dim=1)
                gradients = torch.autograd.grad(loss.of(unit), list(weights.values()))
                products = {
                    name: weight.detach() * gradient
                    for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
                }
                squares += view.reduce(products).square()
        return squares / (2 * len(batches))


@contextmanager
def _differentiable(weights: list[Tensor]) -> Iterator[None]:
    """Gradients on for these weights; as before on leaving."""
    before = [weight.requires_grad for weight in weights]
    try:
        with torch.enable_grad():
            for weight in weights:
                weight.requires_grad_(True)
            yield
    finally:
        for weight, required in zip(weights, before, strict=True):
            weight.requires_grad_(required)


@hookimpl
def ablate_register_scorers(register: Callable[[type[Scorer]], None]) -> None:
    for scorer in (Taylor, Fisher):
        register(scorer)
