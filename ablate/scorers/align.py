"""Contribution to alignment."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from ablate.scorers.base import GradientContribution, Scorer, SecondOrder, Sign, View
from ablate.scorers.losses import ALIGN


class Align(Scorer):
    """How much the align loss would rise, to first order, if the unit were removed."""

    name: ClassVar[str] = "align"
    help: ClassVar[str] = "first-order contribution to the align loss of positive pairs"

    sign: Sign = Field("absolute", description="signed: detrimental first; absolute…: negligible first")
    pairs: int | None = Field(None, ge=1, description="calibration pairs used; default: all")
    batch_size: int | None = Field(None, ge=1, description="pairs a batch; default: the calibration's")
    second_order: SecondOrder = None

    @property
    def signed(self) -> bool:
        return self.sign == "signed"

    @property
    def contribution(self) -> GradientContribution:
        return GradientContribution(ALIGN, self.sign, self.pairs, self.batch_size, self.second_order)

    def statistics(self) -> tuple[GradientContribution, ...]:
        return (self.contribution,)

    def score(self, view: View) -> Tensor:
        return view.gradients[self.contribution]
