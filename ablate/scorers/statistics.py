"""The statistics that a scorer may declare. The engine collects each once for all scorers of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from ablate.errors import PluginError
from ablate.granularities.base import ColumnGranularity, Granularity
from ablate.models.losses import Loss
from ablate.scorers.examples import Batches

Sign = Literal["signed", "absolute", "absolute-example"]
"""The option ``sign`` of scorers of one loss. Its rules are in ``ablate/engine/contribution.py``."""

SecondOrder = Annotated[
    float | None,
    Field(gt=0, lt=1, description="share of units whose interactions count, about the sparsity; default: none"),
]
"""The option ``second_order`` of scorers that declare :class:`GradientContribution`."""


@dataclass(frozen=True)
class GradientContribution:
    """The first-order contribution of each unit to a loss, ``-dL/dξ`` for a mask variable ξ = 1 on its output.

    That is ``-Σ w · dL/dw`` over the weights that carry the unit's output: an estimate of how much the loss rises when
    the unit is removed. It is float32 [units], a mean over calibration batches.

    sign: ``signed``; ``absolute``: the absolute value is taken per batch, after the reduction to units and before
        averaging; ``absolute-example``: per example (Michel et al. 2019), only for separable losses and for column
        granularities (head, neuron); ``squared``: the square, per batch, whose half is the rise of the loss by the
        empirical Fisher information (Theis et al. 2018, arXiv 1801.05787).
    size: pairs or sentences used; None = as many as the calibration set has.
    batch_size: examples in a batch; None = the calibration set's.
    second_order: None, or a share of the units in (0, 1). ``dL/dw`` is then taken halfway to the removal of this share
        of units, those of lowest first-order contribution (by the same sign). The sum of their contributions then
        estimates the joint rise to second order. It costs a pass for each granularity, after the first-order one.
    """

    loss: Loss
    sign: Sign | Literal["squared"] = "signed"
    size: int | None = None
    batch_size: int | None = None
    second_order: float | None = None

    @property
    def first_order(self) -> GradientContribution:
        """The same statistic without the second-order correction."""
        return replace(self, second_order=None)

    @property
    def batches(self) -> Batches:
        """What it takes of the calibration set."""
        return Batches(self.loss.over, self.size, self.batch_size)

    @property
    def what(self) -> str:
        """Its name in messages."""
        return self.loss.name


@dataclass(frozen=True)
class InputNorm:
    """The L2 norm of each input feature of each prunable linear over the calibration sentences' tokens.

    Given as one float32 [in_features] for each linear module (as Wanda uses it: Sun et al. 2023, eq. 1).
    """

    size: int | None = None

    @property
    def batches(self) -> Batches:
        """What it takes of the calibration set. A sum over sentences needs no whole batches."""
        return Batches("sentences", self.size, 1)

    @property
    def what(self) -> str:
        """Its name in messages."""
        return "input norms"


ScorerStatistic = GradientContribution | InputNorm


def refuse_per_example(granularity: Granularity, statistic: ScorerStatistic) -> None:
    """Refuses ``absolute-example`` if examples do not have contributions of their own.

    Raises:
        PluginError: the loss is not a mean over examples, or the units have no mask variable per example.
    """
    if not isinstance(statistic, GradientContribution) or statistic.sign != "absolute-example":
        return
    if not statistic.loss.separable:
        raise PluginError(
            f"sign: absolute-example needs a loss that is a mean over examples, and '{statistic.loss.name}' is not; "
            "use sign: absolute"
        )
    if not isinstance(granularity, ColumnGranularity):
        raise PluginError(
            f"sign: absolute-example is for head and neuron, not '{granularity.name}'; use sign: absolute there"
        )
