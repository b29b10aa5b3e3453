"""Contribution to uniformity: as :mod:`ablate.scorers.align`, L the log of the mean of ``exp(-2 ||f_i - f_j||²)``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ablate.models.losses import UNIFORM
from ablate.scorers.base import LossScorer
from ablate.scorers.statistics import GradientContribution, SecondOrder


class Uniform(LossScorer):
    """How much the uniform loss would rise, to first order, if the unit were removed: ``rule(-Σ w · dL/dw)``.

    It is a mean over batches of distinct sentences. The batch size matters, because the loss couples the sentences of
    a batch.
    """

    name: ClassVar[str] = "uniform"
    help: ClassVar[str] = "first-order contribution to the uniform loss of distinct sentences"

    sign: Literal["signed", "absolute"] = Field(
        "absolute", description="signed: detrimental first; absolute: negligible first"
    )
    sentences: int | None = Field(None, ge=2, description="calibration sentences used; default: all")
    batch_size: int | None = Field(None, ge=2, description="sentences in a batch; default: the calibration's")
    second_order: SecondOrder = None

    @property
    def contribution(self) -> GradientContribution:
        return GradientContribution(UNIFORM, self.sign, self.sentences, self.batch_size, self.second_order)
