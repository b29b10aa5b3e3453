"""Contribution to the correlation with human judgment."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ablate.models.losses import CORRELATION
from ablate.scorers.base import LossScorer
from ablate.scorers.statistics import GradientContribution, SecondOrder


class Correlation(LossScorer):
    """How much ``1 - r`` of cosines and gold scores would rise, to first order, if the unit were removed.

    Unlike ``align`` and ``uniform`` it needs pairs with gold scores, and it is close to what the STS tasks measure.
    """

    name: ClassVar[str] = "correlation"
    help: ClassVar[str] = "first-order contribution to the correlation of cosines with gold scores"

    sign: Literal["signed", "absolute"] = Field(
        "absolute", description="signed: detrimental first; absolute: negligible first"
    )
    graded: int | None = Field(None, ge=3, description="graded calibration pairs used; default: all")
    batch_size: int | None = Field(None, ge=3, description="pairs in a batch; default: the calibration's")
    second_order: SecondOrder = None

    @property
    def contribution(self) -> GradientContribution:
        return GradientContribution(CORRELATION, self.sign, self.graded, self.batch_size, self.second_order)
