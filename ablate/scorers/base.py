"""The base class of scorers. A scorer declares the statistics that it needs, and computes contributions from them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Self, TypeVar

import torch
from torch import Tensor

from ablate.data.calibration import UNGRADED, Calibration, Over
from ablate.events import Watch, silent
from ablate.granularities.base import Granularity
from ablate.models.chunks import Chunks, InTurn
from ablate.models.model import Model
from ablate.plugin import Plugin
from ablate.scorers.examples import Batches
from ablate.scorers.statistics import GradientContribution, InputNorm, ScorerStatistic, refuse_per_example
from ablate.tasks.loaded import Loaded

ScorerTasks = Mapping[str, tuple[Loaded, ...]]
"""The loaded tasks behind each name of a task or group that scorers give."""

NO_TASKS: ScorerTasks = MappingProxyType({})

Value = TypeVar("Value")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Work:
    """What it takes a slow scorer to score the units of one granularity once.

    steps: how many it tells to ``View.watch``, 1 or more.
    encodings: how often it encodes all texts of the tasks that it names, or else the examples of its ``batches``. What
        runs some of the model's layers counts as a part of one.
    """

    steps: int
    encodings: float


@dataclass(frozen=True)
class View:
    """What a scorer may look at: one model at one granularity, under the mask in force, if there is one.

    All tensors are on the model's device (``model.device``). Only the generator draws on the CPU, so that draws do not
    depend on the device: ``torch.rand(n, generator=view.generator)`` is on the CPU.

    layers: int64 [units], each unit's layer.
    gradients: the declared :class:`GradientContribution` statistics, float32 [units] each.
    input_norms: the declared :class:`InputNorm` statistics: module name -> float32 [in_features].
    generator: seeded with the cell's seed; only for scorers with ``seeded = True``.
    kept: bool [units], the units that are left under the mask in force. The contributions of the others are not used.
    model: only ``slow`` scorers may run it; others may only read its weights.
    calibration: None, except for ``slow`` scorers.
    tasks: for ``slow`` scorers, the tasks that :meth:`Scorer.tasks` names, by their own names; otherwise empty.
    remove: for ``targeted`` scorers, how many of the units that are left the step removes now, before it scores again;
        None if it removes all whose contribution is below 0, and for all other scorers.
    members: the contributions of each of :meth:`Scorer.members`, float32 [units].
    watch: called with the progress of slow work: one :class:`~ablate.events.Event` of kind ``fit``, and then one
        ``step`` for each of its steps.
    chunks: where :meth:`map` makes its calls; None for this process.
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
    remove: int | None = None
    members: tuple[Tensor, ...] = ()
    watch: Watch = silent
    chunks: Chunks | None = None

    @property
    def divides(self) -> bool:
        """Whether :meth:`map` makes calls at the same time, so that it pays to make several of one."""
        return self.chunks is not None and self.chunks.divides

    def map(
        self,
        call: Callable[[Model, Value], Made],
        values: Sequence[Value],
        done: Callable[[int], None] | None = None,
    ) -> list[Made]:
        """What ``call(model, value)`` returns for each value, under the mask in force.

        A slow scorer divides its work so: the run's executor makes the calls, on several processes or machines if it
        has any.

        Args:
            call: a function of a module. It, the values and what it returns can be pickled.
            done: called in this process with the position of each value once its call has returned, in any order.

        Raises:
            PluginError: a call failed in another process. In this one, errors are raised as they are.
        """
        made = {}
        for position, one in (self.chunks or InTurn(self.model)).map(call, values):
            made[position] = one
            if done is not None:
                done(position)
        return [made[position] for position in range(len(values))]

    def weights(self) -> dict[str, Tensor]:
        """The weight [out, in] of each linear module that carries the units' output."""
        return {name: self.model.weight(name).detach() for name in self.granularity.carriers(self.model)}

    def reduce(self, values: Mapping[str, Tensor]) -> Tensor:
        """Sums values per weight (same keys and shapes as :meth:`weights`) into float32 [units]."""
        return self.granularity.reduce(self.model, values)


class Scorer(Plugin):
    """Gives every unit a contribution: float32, finite, **higher = keep**; the lowest is removed first.

    seeded: whether contributions depend on the cell's seed. A recipe's ``seeds`` apply only to such scorers.
    slow: whether the scorer runs the model itself. :class:`View` then has the calibration set and the tasks that it
        names.
    """

    seeded: ClassVar[bool] = False
    slow: ClassVar[bool] = False

    def resolved(self, scorer_of: Callable[[str], Scorer]) -> Self:  # noqa: ARG002
        """The scorer to use in place of this one, in which other scorers that its parameters name are objects.

        The plan calls this once, before anything else. A scorer that names no others returns itself. Parameters stay as
        they are, since they are part of the keys.

        Args:
            scorer_of: returns the scorer of a name, with its default parameters.

        Raises:
            PluginError: there is no scorer of a name, or it cannot be used here.
        """
        return self

    @property
    def signed(self) -> bool:
        """Whether contributions can be below 0, which means that the unit is predicted to be detrimental."""
        return False

    @property
    def calibrates(self) -> bool:
        """Whether the scorer looks at the calibration set."""
        return self.slow or bool(self.statistics())

    @property
    def examples(self) -> tuple[Over, ...]:
        """The parts of the calibration set that a slow scorer looks at by itself, besides :meth:`statistics`.

        By default pairs and sentences, without gold scores, if it calibrates; and nothing for other scorers.
        """
        return UNGRADED if self.slow and self.calibrates else ()

    @property
    def batches(self) -> tuple[Batches, ...]:
        """The batches that a slow scorer takes of the calibration set by itself, besides :meth:`statistics`.

        The plan refuses a calibration set that has fewer examples, before anything is computed. By default none.
        """
        return ()

    @property
    def targeted(self) -> bool:
        """Whether contributions depend on how many units the step removes (``View.remove``); only of slow scorers.

        Contributions are then computed for each sparsity, and otherwise once for all of them.
        """
        return False

    @property
    def trains(self) -> int:
        """How many updates a slow scorer makes in one training, each on a batch of all :attr:`batches`; 0: no training.

        The dry run counts the updates of a step's members, or of the scorer itself if it has none, for each share.
        """
        return 0

    def members(self) -> tuple[Self, ...]:
        """The scorers whose contributions this one combines, such as trainings with several seeds; none by default.

        Each is computed and stored like a scorer of its own, so that scorers share members, and an interrupted run
        loses only the member that it was computing. ``View.members`` has their contributions.
        """
        return ()

    def statistics(self) -> tuple[ScorerStatistic, ...]:
        """What the engine collects for this scorer, and shares with every scorer that declares the same."""
        return ()

    def tasks(self) -> tuple[str, ...]:
        """The train or dev tasks (or groups) that a slow scorer looks at. Their items count as seen."""
        return ()

    def evaluations(self, units: int, layers: int) -> int:  # noqa: ARG002
        """How many masks :meth:`score` scores on the whole of the tasks that it names: what its search on dev costs.

        By default one for each unit if it names tasks, and none otherwise.

        Args:
            units: how many units are left under the mask in force, in ``layers`` layers.
        """
        return units if self.tasks() else 0

    def work(self, units: int, layers: int) -> Work | None:  # noqa: ARG002
        """What :meth:`score` takes, from which the dry run and the display of progress estimate its time.

        By default None: it is not known. That of a scorer that trains follows from :attr:`trains`.

        Args:
            units: how many units are left under the mask in force, in ``layers`` layers.
        """
        return None

    def supports(self, granularity: Granularity) -> None:
        """Refuses a granularity that the scorer cannot score. The plan calls this before weights load.

        Raises:
            PluginError: why, and what to do.
        """
        for statistic in self.statistics():
            refuse_per_example(granularity, statistic)

    @abstractmethod
    def score(self, view: View) -> Tensor:
        """The contribution of each unit.

        Returns:
            float32 [units], finite, on any device.
        """

    def score_together(self, views: Mapping[Granularity, View]) -> Mapping[Granularity, Tensor]:
        """The contributions at each granularity of a prune step, all under the same mask in force.

        By default this calls :meth:`score` for each. A scorer whose contributions at one granularity depend on the
        others, such as one that learns all of them at once, overrides it and gets all granularities of the step.

        Args:
            views: one for each granularity of the step, in the recipe's order; usually just one.

        Returns:
            For each granularity float32 [units], finite, on any device.
        """
        return {granularity: self.score(view) for granularity, view in views.items()}

    @property
    def joint(self) -> bool:
        """Whether contributions at one granularity depend on which others are scored with it."""
        return type(self).score_together is not Scorer.score_together


class LossScorer(Scorer):
    """A scorer whose contributions are the contributions to one loss, exactly as the engine collects them."""

    @property
    @abstractmethod
    def contribution(self) -> GradientContribution:
        """The statistic that the scorer returns as its contributions."""

    @property
    def signed(self) -> bool:
        return self.contribution.sign == "signed"

    def statistics(self) -> tuple[GradientContribution, ...]:
        return (self.contribution,)

    def score(self, view: View) -> Tensor:
        return view.gradients[self.contribution]
