"""Trains a gate on each unit, while the weights stay as they are, such that a share of the gates closes.

Each update computes the loss of a batch with units multiplied by their gates, which are the medians of hard concrete
variables, and moves log α along the gradient (Adam). Then one number is added to log α of all gates of a granularity,
so that the expected share of closed gates is what it should be. So no gate opens unless others close, and there is no
weight of a penalty to choose. Gates have no noise; docs/decisions.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ablate.data.calibration import Batch, Calibration
from ablate.errors import AblateError
from ablate.events import Event, Watch, silent
from ablate.granularities.base import ColumnGranularity
from ablate.granularities.gated import Gates, embed_gated, gradients_of_gates
from ablate.models.dropout import dropout
from ablate.models.encode import Prepared, prepare
from ablate.models.losses import Loss
from ablate.models.model import Model
from ablate.scorers.hard_concrete import median, shifted

TOKENS = 1024
"""The most tokens of a batch that run at once. A batch is divided by the lengths of its sentences, to pad them less."""

START = 2.5
"""log α of every gate at first: it is open."""


@dataclass(frozen=True)
class GateTraining:
    """How gates are trained.

    terms: losses with their weights; their weighted sum is minimized.
    updates: how many batches of each loss.
    batch_size: pairs or sentences in a batch; None: as many as the calibration set has in one.
    rate: the step size of Adam.
    growth: the share of the updates in which the share of closed gates grows from 0 to its target, in [0, 1).
    shuffled: whether gold scores are permuted among the pairs of a batch, which leaves nothing to learn from them.
    """

    terms: tuple[tuple[float, Loss], ...]
    updates: int
    batch_size: int | None
    rate: float
    growth: float
    shuffled: bool = False


def train_gates(
    model: Model,
    calibration: Calibration,
    kept: Mapping[ColumnGranularity, Tensor],
    shares: Mapping[ColumnGranularity, float],
    training: GateTraining,
    seed: int,
    watch: Watch = silent,
) -> dict[ColumnGranularity, Tensor]:
    """log α of each gate after the training, float32 [units] of each granularity, on the CPU.

    Args:
        kept: bool [units] of each granularity. Units that are False have no gate; their log α is 0.
        shares: the share of the gates to close, in (0, 1).
        seed: of the order of the batches.

    Raises:
        AblateError: the loss of a batch is not finite.
        DataError: the calibration set is smaller than a batch.
    """
    generator = torch.Generator().manual_seed(seed)
    batches = [Batches(model, calibration, loss, training, generator) for _, loss in training.terms]
    log_alpha = {g: torch.full((int(left.sum()),), START, device=model.device) for g, left in kept.items()}
    for value in log_alpha.values():
        value.requires_grad_(True)
    optimizer = torch.optim.Adam(list(log_alpha.values()), lr=training.rate)
    watch(Event("fit", f"gates, seed {seed}", total=training.updates))
    with gradients_of_gates(model):
        for update in range(1, training.updates + 1):
            gates = {g: _on_units(kept[g], median(value)) for g, value in log_alpha.items()}
            losses = [one.next_loss(gates, update) for one in batches]
            total = sum(
                (weight * loss for (weight, _), loss in zip(training.terms, losses, strict=True)),
                torch.zeros((), device=model.device),
            )
            optimizer.zero_grad()
            total.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            reached = min(1.0, update / max(training.growth * training.updates, 1))
            with torch.no_grad():
                for g, value in log_alpha.items():
                    value.copy_(shifted(value, reached * shares[g]))
            watch(Event("step", ""))
    return {g: _on_units(kept[g], value.detach()).cpu() for g, value in log_alpha.items()}


def _on_units(kept: Tensor, values: Tensor) -> Tensor:
    """The values of the units that are kept at their places among all units, and 0 at the others."""
    return torch.zeros(len(kept), device=values.device).masked_scatter(kept.to(values.device), values)


class Batches:
    """The calibration batches of one loss, in a new order in each pass over them."""

    def __init__(
        self,
        model: Model,
        calibration: Calibration,
        loss: Loss,
        training: GateTraining,
        generator: torch.Generator,
    ) -> None:
        self._model, self._calibration, self._loss = model, calibration, loss
        self._batches = [
            (batch, prepare(model, batch.sentences, TOKENS))
            for batch in calibration.batches(loss.over, batch_size=training.batch_size)
        ]
        self._shuffled, self._generator = training.shuffled, generator
        self._order: list[int] = []

    def next_loss(self, gates: Gates, update: int) -> Tensor:
        """The loss of the next batch, a scalar. update: the number of the update, from which dropout is drawn."""
        if not self._order:
            self._order = torch.randperm(len(self._batches), generator=self._generator).tolist()
        batch, prepared = self._batches[self._order.pop()]
        with_dropout = self._calibration.dropout and self._loss.over == "pairs"
        with dropout(self._model, self._calibration.seed + update) if with_dropout else nullcontext():
            embeddings = normalize(_embedded(self._model, prepared, gates), dim=1)
        value = self._loss.of(embeddings, self._gold(batch))
        if not value.isfinite():
            raise AblateError(
                f"loss '{self._loss.name}' is {value.item()} on a calibration batch, so gates cannot learn"
            )
        return value

    def _gold(self, batch: Batch) -> Tensor | None:
        if batch.gold is None or not self._shuffled:
            return batch.gold
        return batch.gold[torch.randperm(len(batch.gold), generator=self._generator)]


def _embedded(model: Model, prepared: Prepared, gates: Gates) -> Tensor:
    """float [sentences, dim], in the order of the sentences."""
    parts = [embed_gated(model, batch.features, gates) for batch in prepared.batches]
    rows = torch.cat([batch.rows for batch in prepared.batches]).to(model.device)
    return torch.cat(parts)[rows.argsort()]
