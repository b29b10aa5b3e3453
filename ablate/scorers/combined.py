"""The contributions to alignment and to uniformity, combined."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ablate.models.losses import ALIGN, UNIFORM
from ablate.scorers.base import Scorer, View
from ablate.scorers.statistics import GradientContribution, SecondOrder

Normalize = Literal["layer", "global", "none"]


class Combined(Scorer):
    """``λ·c_align/‖c_align‖ + (1-λ)·c_uniform/‖c_uniform‖``, with the L2 norm over each layer, over all, or none."""

    name: ClassVar[str] = "combined"
    help: ClassVar[str] = "weighted sum of the align and uniform contributions"

    lambda_: float = Field(0.5, ge=0, le=1, alias="lambda", description="weight of align; uniform gets the rest")
    normalize: Normalize = Field(
        "global", description="divide each contribution by its norm over a layer, over all units, or not at all"
    )
    sign: Literal["signed", "absolute"] = Field(
        "absolute", description="signed: detrimental first; absolute: negligible first"
    )
    pairs: int | None = Field(None, ge=1, description="calibration pairs used; default: all")
    sentences: int | None = Field(None, ge=2, description="calibration sentences used; default: all")
    batch_size: int | None = Field(None, ge=2, description="examples in a batch; default: the calibration's")
    second_order: SecondOrder = None

    @property
    def signed(self) -> bool:
        return self.sign == "signed"

    def statistics(self) -> tuple[GradientContribution, GradientContribution]:
        return (
            GradientContribution(ALIGN, self.sign, self.pairs, self.batch_size, self.second_order),
            GradientContribution(UNIFORM, self.sign, self.sentences, self.batch_size, self.second_order),
        )

    def score(self, view: View) -> Tensor:
        # On the CPU, since sums on a GPU are taken in no fixed order, and not every GPU has float64.
        layers = view.layers.cpu()
        align, uniform = (normalized(view.gradients[s].cpu(), layers, self.normalize) for s in self.statistics())
        return self.lambda_ * align + (1 - self.lambda_) * uniform


def normalized(contribution: Tensor, layers: Tensor, over: Normalize) -> Tensor:
    """Contributions, float32 [units], divided by their L2 norm over each layer or all units, or left as they are.

    Contributions that are all zero stay zero.
    """
    if over == "none":
        return contribution
    group = layers if over == "layer" else torch.zeros_like(layers)
    # float64, because millions of weights may be summed.
    squares = torch.zeros(int(group.max()) + 1, dtype=torch.float64)
    norms = squares.index_add_(0, group, contribution.double().square()).sqrt()
    return contribution / norms.where(norms > 0, 1)[group].float()
