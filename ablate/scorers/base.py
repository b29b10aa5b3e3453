"""A scorer declares the statistics that it needs, and is a pure function from them to contributions."""

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
    """What a scorer may look at: one model at one granularity, under the mask in force, if there is one.

    layers: int64 [units], each unit's layer.
    gradients: the declared :class:`GradientContribution` statistics, float32 [units] each.
    input_norms: the declared :class:`InputNorm` statistics: module name -> float32 [in_features].
    generator: seeded with the cell's seed; for scorers with ``seeded = True`` alone.
    kept: bool [units], the units that the mask in force has left. The contributions of the others are not used.
    model: only ``slow`` scorers may run it; others may read its weights and nothing else.
    calibration: None, except for ``slow`` scorers.
    tasks: empty, except for ``slow`` scorers: those behind the names that :meth:`Scorer.tasks` gives, by their own
        names.
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

    seeded: its contributions depend on the cell's seed; a recipe's ``seeds`` apply to such scorers only.
    slow: it runs the model itself; :class:`View` gives it the calibration set and the tasks that it names.
    """

    seeded: ClassVar[bool] = False
    slow: ClassVar[bool] = False

    def resolved(self, scorer_of: Callable[[str], Scorer]) -> Self:  # noqa: ARG002
        """The scorer that is used in place of this one, with the scorers that its parameters name as objects.

        The plan calls it once, before anything else. A scorer that names no others returns itself. Parameters stay as
        they are, since they are part of the keys.

        Args:
            scorer_of: gives the scorer of a name, with its defaults.

        Raises:
            PluginError: there is no scorer of a name, or it does not fit.
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
        """The tasks (or groups) of train or dev splits that a slow scorer looks at. Their items count as seen."""
        return ()

    @abstractmethod
    def score(self, view: View) -> Tensor:
        """The contribution of each unit.

        Returns:
            float32 [units], finite.
        """

    def score_together(self, views: Mapping[Granularity, View]) -> Mapping[Granularity, Tensor]:
        """The contributions at each granularity of a prune step, all under the same mask in force.

        By default :meth:`score` of each. A scorer whose contributions at one granularity depend on the others, such as
        one that learns all of them at once, overrides it; it is then given all granularities of the step.

        Args:
            views: one for each granularity of the step, in the recipe's order; mostly just one.

        Returns:
            For each of the granularities float32 [units], finite.
        """
        return {granularity: self.score(view) for granularity, view in views.items()}

    @property
    def joint(self) -> bool:
        """Whether contributions at one granularity depend on which others are scored with it."""
        return type(self).score_together is not Scorer.score_together


class LossScorer(Scorer):
    """A scorer whose contributions are those to one loss, exactly as the engine collects them."""

    @property
    @abstractmethod
    def contribution(self) -> GradientContribution:
        """The statistic that is its contributions."""

    @property
    def signed(self) -> bool:
        return self.contribution.sign == "signed"

    def statistics(self) -> tuple[GradientContribution, ...]:
        return (self.contribution,)

    def score(self, view: View) -> Tensor:
        return view.gradients[self.contribution]
