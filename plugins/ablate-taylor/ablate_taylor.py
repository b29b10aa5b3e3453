"""Contribution to the contrastive loss or to a task's correlation: to first order, and by the empirical Fisher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from torch import Tensor

from ablate.plugin_api import (
    CORRELATION,
    GradientContribution,
    Loss,
    LossScorer,
    Scorer,
    SecondOrder,
    View,
    contrastive,
    hookimpl,
)

ablate_api = 3
TEMPERATURE = 0.05  # SimCSE's


class OfLoss(Scorer):
    """What all scorers here have: a loss, and how much of the calibration set it sees, how many at a time."""

    loss: Literal["infonce", "correlation"] = Field(
        "infonce",
        description="infonce: of positive pairs; correlation: 1 - r of graded pairs, what an STS task asks for",
    )
    temperature: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description=f"of infonce's softmax over a batch; default: {TEMPERATURE}",
    )
    pairs: int | None = Field(None, ge=3, description="calibration pairs used; default: all")
    batch_size: int | None = Field(None, ge=3, description="pairs a batch; default: the calibration's")

    @model_validator(mode="after")
    def _temperature_is_of_infonce(self) -> Self:
        if self.loss == "correlation" and self.temperature is not None:
            raise ValueError("temperature belongs to loss: infonce; leave it out")
        return self

    @property
    def function(self) -> Loss:
        """The loss that the parameters name."""
        return CORRELATION if self.loss == "correlation" else contrastive(self.temperature or TEMPERATURE)


class ToLoss(OfLoss, LossScorer):
    """What the scorers have whose contributions are those to the loss."""

    def to(self, sign: Literal["signed", "absolute", "squared"]) -> GradientContribution:
        """The contribution to the loss, taken that way."""
        return GradientContribution(self.function, sign, self.pairs, self.batch_size)


class Taylor(ToLoss):
    """How much the loss would rise, to first order, if the unit were removed."""

    name: ClassVar[str] = "taylor"
    help: ClassVar[str] = "first-order contribution to the contrastive (InfoNCE) loss, or to a task's correlation"

    sign: Literal["signed", "absolute"] = Field(
        "absolute", description="signed: detrimental first; absolute: negligible first"
    )
    second_order: SecondOrder = None

    @property
    def contribution(self) -> GradientContribution:
        return replace(self.to(self.sign), second_order=self.second_order)


class Fisher(ToLoss):
    """``½ · mean over batches of (dL/dξ)²`` for a mask variable ξ = 1 on the unit's output.

    Of a weight that is ``½ · w² · mean (dL/dw)²``: what its removal costs where the mean gradient is 0 and the
    empirical Fisher information stands for the curvature (Theis et al. 2018; Singh and Alistarh 2020).
    """

    name: ClassVar[str] = "fisher"
    help: ClassVar[str] = "half the squared contribution to either loss (empirical Fisher), a batch at a time"

    batch_size: int | None = Field(8, ge=3, description="pairs a batch; one square is taken a batch")

    @property
    def contribution(self) -> GradientContribution:
        return self.to("squared")

    def score(self, view: View) -> Tensor:
        return super().score(view) / 2


@hookimpl
def ablate_register_scorers(register: Callable[[type[Scorer]], None]) -> None:
    for scorer in (Taylor, Fisher):
        register(scorer)
