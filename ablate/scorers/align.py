"""Contribution to alignment: ``-Σ w · dL/dw`` over the weights that carry a unit, L the mean ``||f(x) - f(x+)||²``."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ablate.models.losses import ALIGN
from ablate.scorers.base import LossScorer
from ablate.scorers.statistics import GradientContribution, SecondOrder, Sign


class Align(LossScorer):
    """How much the align loss would rise, to first order, if the unit were removed: ``rule(-Σ w · dL/dw)``.

    It is a mean over batches of positive pairs, which the engine collects once for all scorers of this loss. The
    formula and the rule for ``sign`` are in ``ablate/engine/contribution.py``, the loss in ``ablate/models/losses.py``.
    """

    name: ClassVar[str] = "align"
    help: ClassVar[str] = "first-order contribution to the align loss of positive pairs"

    sign: Sign = Field("absolute", description="signed: detrimental first; absolute…: negligible first")
    pairs: int | None = Field(None, ge=1, description="calibration pairs used; default: all")
    batch_size: int | None = Field(None, ge=1, description="pairs in a batch; default: the calibration's")
    second_order: SecondOrder = None

    @property
    def contribution(self) -> GradientContribution:
        return GradientContribution(ALIGN, self.sign, self.pairs, self.batch_size, self.second_order)
