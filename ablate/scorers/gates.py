"""Gates that are learned: which units close if the loss of the whole model decides about all of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor

from ablate.data.calibration import Over
from ablate.errors import PluginError
from ablate.granularities.base import ColumnGranularity, Granularity
from ablate.models.losses import ALIGN, CORRELATION, UNIFORM, Loss, contrastive
from ablate.scorers.base import Scorer, View
from ablate.scorers.examples import Batches
from ablate.scorers.gate_training import GateTraining, train_gates
from ablate.scorers.hard_concrete import closed

TEMPERATURE = 0.05
"""SimCSE's."""


def _seeds(value: object) -> object:
    # Pydantic's strict mode accepts a list from JSON as a tuple, but not one that a validator has returned.
    return (value,) if isinstance(value, int) else tuple(value) if isinstance(value, list) else value


Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_seeds), Field(min_length=1)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class Gates(Scorer):
    """The probability that a hard concrete gate on the unit is open (Louizos et al. 2018, eq. 12), in [0, 1].

    It rises with log α, which is trained while the weights stay as they are. Contributions are the mean over
    ``gate_seeds``. The gates of all granularities of a step are trained together.
    """

    name: ClassVar[str] = "gates"
    help: ClassVar[str] = "gates on units, trained on a loss with the weights frozen"
    slow: ClassVar[bool] = True
    # What contracts require of a training holds from its first update.
    quick: ClassVar[Mapping[str, Any]] = {"updates": 6}

    loss: Literal["correlation", "align", "uniform", "combined", "infonce"] = Field(
        "correlation", description="what gates are trained on; combined: align and uniform"
    )
    lambda_: float | None = Field(
        None,
        ge=0,
        le=1,
        alias="lambda",
        description="of combined: the weight of align; uniform gets the rest; default: 0.5",
    )
    temperature: float | None = Field(
        None, gt=0, allow_inf_nan=False, description=f"of infonce's softmax over a batch; default: {TEMPERATURE}"
    )
    target: Share | None = Field(
        None,
        description="share of the gates to close, of the units that are left; default: what the step removes, so that "
        "each sparsity has a training",
    )
    gate_seeds: Seeds = Field((0,), description="seeds of trainings; contributions are their mean")
    updates: int = Field(250, ge=1, le=1_000_000, description="batches that gates are trained on")
    batch_size: int | None = Field(None, ge=3, description="examples in a batch; default: the calibration's")
    rate: float = Field(0.12, gt=0, allow_inf_nan=False, description="step size of Adam")
    growth: float = Field(0.3, ge=0, lt=1, description="share of the updates in which the closed share grows from 0")
    shuffled: bool = Field(False, description="permute gold scores: a control, in which they teach nothing")

    @model_validator(mode="after")
    def _parameters_of_the_loss(self) -> Self:
        if self.lambda_ is not None and self.loss != "combined":
            raise ValueError("lambda belongs to loss: combined; leave it out")
        if self.temperature is not None and self.loss != "infonce":
            raise ValueError("temperature belongs to loss: infonce; leave it out")
        if self.shuffled and self.loss != "correlation":
            raise ValueError("shuffled belongs to loss: correlation, which has gold scores; leave it out")
        if len(set(self.gate_seeds)) < len(self.gate_seeds):
            raise ValueError("gate_seeds lists a seed twice; list it once")
        return self

    @property
    def targeted(self) -> bool:
        return self.target is None

    @property
    def examples(self) -> tuple[Over, ...]:
        return tuple(dict.fromkeys(loss.over for _, loss in self.terms))

    @property
    def batches(self) -> tuple[Batches, ...]:
        return tuple(Batches(over, batch_size=self.batch_size) for over in self.examples)

    @property
    def trains(self) -> int:
        return self.updates

    @property
    def terms(self) -> tuple[tuple[float, Loss], ...]:
        """The losses that are minimized, with their weights."""
        if self.loss == "combined":
            weight = 0.5 if self.lambda_ is None else self.lambda_
            return (weight, ALIGN), (1 - weight, UNIFORM)
        single = {"correlation": CORRELATION, "align": ALIGN, "uniform": UNIFORM}.get(self.loss)
        return ((1.0, single or contrastive(self.temperature or TEMPERATURE)),)

    def supports(self, granularity: Granularity) -> None:
        if not isinstance(granularity, ColumnGranularity):
            raise PluginError(
                f"scorer 'gates' is for head and neuron, not '{granularity.name}'; use another scorer there, "
                "or in a grid give it `granularities: [head, neuron]`"
            )

    def members(self) -> tuple[Self, ...]:
        if len(self.gate_seeds) == 1:
            return ()
        return tuple(self.model_copy(update={"gate_seeds": (seed,)}) for seed in self.gate_seeds)

    def score(self, view: View) -> Tensor:
        return self.score_together({view.granularity: view})[view.granularity]

    def score_together(self, views: Mapping[Granularity, View]) -> Mapping[Granularity, Tensor]:
        if len(self.gate_seeds) > 1:
            return {g: torch.stack(view.members).mean(0) for g, view in views.items()}
        shares: dict[ColumnGranularity, float] = {}
        for granularity, view in views.items():
            self.supports(granularity)
            assert isinstance(granularity, ColumnGranularity)
            shares[granularity] = self._share(view)
        # Where nothing is to close, there is nothing to learn.
        kept = {g: views[g].kept.cpu() for g in shares if shares[g] > 0}
        learned: Mapping[ColumnGranularity, Tensor] = {}
        if kept:
            view = next(iter(views.values()))
            assert view.calibration is not None
            training = GateTraining(self.terms, self.updates, self.batch_size, self.rate, self.growth, self.shuffled)
            learned = train_gates(view.model, view.calibration, kept, shares, training, self.gate_seeds[0], view.watch)
        return {g: 1 - closed(learned[g]) if g in learned else torch.ones(len(views[g].layers)) for g in shares}

    def _share(self, view: View) -> float:
        """The share of the gates at a granularity that are to close: of the units that are left, in [0, 1)."""
        if self.target is not None:
            return self.target
        if view.remove is None:
            raise PluginError("scorer 'gates' has no number of units to close; set target, a share of the units")
        left = int(view.kept.sum())
        # One gate stays open at least.
        return max(0, min(view.remove, left - 1)) / max(left, 1)
