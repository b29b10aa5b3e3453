"""A scorer: declares the statistics it needs, and is a pure function from them to contributions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor

from ablate.granularities.base import Granularity
from ablate.models.model import Model
from ablate.plugin import Plugin
from ablate.scorers.losses import Loss

if TYPE_CHECKING:
    from ablate.data.calibration import Calibration

Sign = Literal["signed", "absolute", "absolute-example"]


@dataclass(frozen=True)
class GradientContribution:
    """The first-order contribution of each unit to a loss, ``-dL/dξ`` for a mask variable ξ = 1 on its output.

    That is ``-Σ w · dL/dw`` over the weights that carry the unit's output: an estimate of the rise of the
    loss when the unit is removed. Given as float32 [units], a mean over calibration batches.

    sign: ``signed``; ``absolute``: the absolute value is taken per batch, after the reduction to units and before
        averaging; ``absolute-example``: per example (Michel et al. 2019), for separable losses at column
        granularities (head, neuron) only.
    size: pairs or sentences used; None = as many as the calibration set has.
    batch_size: examples a batch; None = the calibration set's.
    """

    loss: Loss
    sign: Sign = "signed"
    size: int | None = None
    batch_size: int | None = None


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
    model, calibration: given to ``slow`` scorers, which run the model themselves; others must not touch
        anything of the model but its weights.
    """

    model: Model
    granularity: Granularity
    layers: Tensor
    gradients: Mapping[GradientContribution, Tensor]
    input_norms: Mapping[InputNorm, Mapping[str, Tensor]]
    generator: torch.Generator
    calibration: Calibration | None = None

    def weights(self) -> dict[str, Tensor]:
        """The weight [out, in] of each linear module that carries the units' output."""
        return {name: self.model.weight(name).detach() for name in self.granularity.carriers(self.model)}

    def reduce(self, values: Mapping[str, Tensor]) -> Tensor:
        """Sums a value per weight (same keys and shapes as :meth:`weights`) into float32 [units]."""
        return self.granularity.reduce(self.model, values)


class Scorer(Plugin):
    """Gives every unit a contribution: float32, finite, **higher = keep**; the lowest goes first.

    seeded: its contributions depend on the cell's seed; a recipe's ``seeds`` multiply only such scorers.
    slow: it runs the model itself (:class:`View` gives it the calibration set).
    """

    seeded: ClassVar[bool] = False
    slow: ClassVar[bool] = False

    @property
    def signed(self) -> bool:
        """Whether contributions can be below 0, which then means: predicted detrimental."""
        return False

    def statistics(self) -> tuple[Statistic, ...]:
        """What the engine is to collect for it, shared with every scorer that declares the same."""
        return ()

    @abstractmethod
    def score(self, view: View) -> Tensor:
        """The contribution of each unit.

        Returns:
            float32 [units], finite.
        """
