"""A scorer: declares the statistics it needs, and is a pure function from them to contributions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ablate.granularities.base import Granularity
from ablate.models.model import Model
from ablate.plugin import Plugin
from ablate.scorers.losses import Loss

if TYPE_CHECKING:
    from ablate.data.calibration import Calibration
    from ablate.experiment.evaluate import Loaded

Sign = Literal["signed", "absolute", "absolute-example"]
"""The option of scorers whose contributions are those to one loss."""

SecondOrder = Annotated[
    float | None,
    Field(gt=0, lt=1, description="share of units whose interactions count, about the sparsity; default: none"),
]
"""The option of scorers that declare :class:`GradientContribution`."""


@dataclass(frozen=True)
class GradientContribution:
    """The first-order contribution of each unit to a loss, ``-dL/dξ`` for a mask variable ξ = 1 on its output.

    That is ``-Σ w · dL/dw`` over the weights that carry the unit's output: an estimate of the rise of the
    loss when the unit is removed. Given as float32 [units], a mean over calibration batches.

    sign: ``signed``; ``absolute``: the absolute value is taken per batch, after the reduction to units and before
        averaging; ``absolute-example``: per example (Michel et al. 2019), for separable losses at column
        granularities (head, neuron) only; ``squared``: the square, per batch, whose half is the rise of the loss by the
        empirical Fisher information (Theis et al. 2018, arXiv 1801.05787).
    size: pairs or sentences used; None = as many as the calibration set has.
    batch_size: examples a batch; None = the calibration set's.
    second_order: None, or a share of the units in (0, 1). Then ``dL/dw`` is taken halfway to the removal of the units
        of lowest first-order contribution (same sign), so many in all: summed over these, contributions estimate the
        joint rise to second order. Costs a pass for each granularity, after the first-order one.
    """

    loss: Loss
    sign: Sign | Literal["squared"] = "signed"
    size: int | None = None
    batch_size: int | None = None
    second_order: float | None = None

    @property
    def first_order(self) -> GradientContribution:
        """The same without the correction."""
        return replace(self, second_order=None)


@dataclass(frozen=True)
class InputNorm:
    """The L2 norm of each input feature of each prunable linear over the calibration sentences' tokens.

    Given as one float32 [in_features] for each linear module (as Wanda uses it: Sun et al. 2023, eq. 1).
    """

    size: int | None = None


Statistic = GradientContribution | InputNorm


@dataclass(frozen=True)
class View:
    """What a scorer may look at: one model at one granularity, under the mask in force (if any).

    layers: int64 [units], each unit's layer.
    gradients: the declared :class:`GradientContribution` statistics, float32 [units] each.
    input_norms: the declared :class:`InputNorm` statistics: module name -> float32 [in_features].
    generator: seeded with the cell's seed; for scorers with ``seeded = True`` alone.
    kept: bool [units], the units that the mask in force has left. What is given to the others counts for nothing.
    model, calibration, tasks: given to ``slow`` scorers, which run the model themselves; others must not touch
        anything of the model but its weights. tasks: those behind the names that :meth:`Scorer.tasks`
        gives, by their own names.
    """

    model: Model
    granularity: Granularity
    layers: Tensor
    gradients: Mapping[GradientContribution, Tensor]
    input_norms: Mapping[InputNorm, Mapping[str, Tensor]]
    generator: torch.Generator
    kept: Tensor
    calibration: Calibration | None = None
    tasks: Mapping[str, Loaded] = field(default_factory=dict)

    def weights(self) -> dict[str, Tensor]:
        """The weight [out, in] of each linear module that carries the units' output."""
        return {name: self.model.weight(name).detach() for name in self.granularity.carriers(self.model)}

    def reduce(self, values: Mapping[str, Tensor]) -> Tensor:
        """Sums a value per weight (same keys and shapes as :meth:`weights`) into float32 [units]."""
        return self.granularity.reduce(self.model, values)


class Scorer(Plugin):
    """Gives every unit a contribution: float32, finite, **higher = keep**; the lowest goes first.

    seeded: its contributions depend on the cell's seed; a recipe's ``seeds`` multiply only such scorers.
    slow: it runs the model itself (:class:`View` gives it the calibration set, and the tasks that it names).
    """

    seeded: ClassVar[bool] = False
    slow: ClassVar[bool] = False

    @property
    def signed(self) -> bool:
        """Whether contributions can be below 0, which then means: predicted detrimental."""
        return False

    @property
    def calibrates(self) -> bool:
        """Whether it looks at the calibration set."""
        return self.slow or bool(self.statistics())

    def statistics(self) -> tuple[Statistic, ...]:
        """What the engine is to collect for it, shared with every scorer that declares the same."""
        return ()

    def tasks(self) -> tuple[str, ...]:
        """The tasks (or groups) that a slow scorer looks at: of train or dev splits. Their pairs count as seen."""
        return ()

    @abstractmethod
    def score(self, view: View) -> Tensor:
        """The contribution of each unit.

        Returns:
            float32 [units], finite.
        """


class LossScorer(Scorer):
    """A scorer whose contributions are those to one loss, as they are collected."""

    @property
    @abstractmethod
    def contribution(self) -> GradientContribution:
        """What it is given."""

    @property
    def signed(self) -> bool:
        return self.contribution.sign == "signed"

    def statistics(self) -> tuple[GradientContribution, ...]:
        return (self.contribution,)

    def score(self, view: View) -> Tensor:
        return view.gradients[self.contribution]
