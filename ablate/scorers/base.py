"""A scorer: declares the statistics it needs, and is a pure function from them to contributions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Self

import torch
from torch import Tensor

from ablate.data.calibration import Calibration
from ablate.granularities.base import Granularity
from ablate.models.model import Model
from ablate.plugin import Plugin
from ablate.scorers.statistics import GradientContribution, InputNorm, ScorerStatistic
from ablate.tasks.loaded import Loaded

ScorerTasks = Mapping[str, tuple[Loaded, ...]]
"""The tasks behind each name that scorers give, read."""

NO_TASKS: ScorerTasks = MappingProxyType({})


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

    def resolved(self, scorer_of: Callable[[str], Scorer]) -> Self:  # noqa: ARG002
        """The scorer with other scorers, where it names any, as objects; called once before it is used.

        Args:
            scorer_of: gives the scorer of a name, with its defaults.

        Raises:
            PluginError: a name has no scorer, or one that does not fit.
        """
        return self

    @property
    def signed(self) -> bool:
        """Whether contributions can be below 0, which then means: predicted detrimental."""
        return False

    @property
    def calibrates(self) -> bool:
        """Whether it looks at the calibration set."""
        return self.slow or bool(self.statistics())

    def statistics(self) -> tuple[ScorerStatistic, ...]:
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
