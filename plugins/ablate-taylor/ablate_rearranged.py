"""Masks by the Fisher information, with rearrangement within layers (Kwon et al. 2022, arXiv 2204.09656)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import ClassVar, Literal

import torch
from ablate_taylor import OfLoss
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from ablate.plugin_api import (
    Batches,
    Calibration,
    ColumnGranularity,
    Granularity,
    Model,
    PluginError,
    Scorer,
    View,
    dropout,
    embed_gated,
    gradients_of_gates,
    hookimpl,
)

ablate_api = 3

LOWERED = 1e-9
"""By which share of the diagonal's sum an exchange must lower the form, so that rounding cannot repeat exchanges."""

ALIKE = 1e-8
"""Two units are alike if their gradients differ only by rounding: ``‖a - b‖²`` as a share of ``‖a‖² + ‖b‖²``."""


class FisherRearranged(OfLoss):
    """A whole mask: units of lowest squared gradient, exchanged within layers while that lowers ``(1-m)ᵀ F (1-m)``.

    F is the empirical Fisher information of a mask variable on each unit, at mask 1, so half of the form is what the
    mask costs to second order where the mean gradient is 0. The search takes F as diagonal, and the rearrangement takes
    the block of each layer. Gradients are those of batches, since neither loss is a mean over examples.

    The paper's constraint is FLOPs or latency; here it is ``View.remove``, the number of units of one granularity. The
    paper visits each unit that stays once; here this is repeated until no exchange helps. The paper's third step, mask
    tuning, rescales the units that stay. A mask cannot do that, so it is left out.

    Contributions are half the diagonal of F, as of ``fisher``. Where exchanges make it necessary, the units that stay
    are lifted above those that go by one number, which keeps their order. So the lowest ``View.remove`` are the mask.
    The exception: units that are alike get equal contributions although the mask may keep only some of them, and stand
    between those that go and those that stay. Which of them go is then decided as between any units that tie.
    """

    name: ClassVar[str] = "fisher-rearranged"
    help: ClassVar[str] = "a mask by the empirical Fisher information, exchanged within layers by its blocks"
    slow: ClassVar[bool] = True

    batch_size: int | None = Field(8, ge=3, description="pairs a batch; one gradient is taken a batch")

    @property
    def targeted(self) -> bool:
        return True

    @property
    def examples(self) -> tuple[Literal["pairs", "graded"], ...]:
        return ("graded",) if self.loss == "correlation" else ("pairs",)

    @property
    def batches(self) -> tuple[Batches, ...]:
        return tuple(Batches(over, self.pairs, self.batch_size) for over in self.examples)

    def supports(self, granularity: Granularity) -> None:
        if not isinstance(granularity, ColumnGranularity):
            raise PluginError(
                f"scorer '{self.name}' is for head and neuron, not '{granularity.name}'; use fisher there"
            )

    def score(self, view: View) -> Tensor:
        self.supports(view.granularity)
        assert isinstance(view.granularity, ColumnGranularity)
        assert view.calibration is not None
        gradients = self.gradients(view.model, view.calibration, view.granularity)
        left = view.kept.cpu()
        contributions = torch.zeros(len(left))
        contributions[left] = _contributions(gradients[:, left], view.layers.cpu()[left], view.remove or 0)
        return contributions

    def gradients(self, model: Model, calibration: Calibration, granularity: ColumnGranularity) -> Tensor:
        """The gradient of each batch's loss with respect to a mask variable 1 on each unit.

        Returns:
            float64 [batches, units], on the CPU.

        Raises:
            PluginError: the loss of a batch is not finite.
        """
        loss = self.function
        gates = torch.ones(len(granularity.layers(model)), device=model.device).requires_grad_(True)
        with_dropout = calibration.dropout and loss.over == "pairs"
        rows = []
        drops = dropout(model, calibration.seed) if with_dropout else nullcontext()
        with gradients_of_gates(model), drops:
            for batch in calibration.batches(loss.over, self.pairs, self.batch_size):
                features = model.pad(model.tokenize(list(batch.sentences)))
                value = loss.of(normalize(embed_gated(model, features, {granularity: gates}), dim=1), batch.gold)
                if not value.isfinite():
                    raise PluginError(f"loss '{loss.name}' is {value.item()} on a calibration batch")
                rows.append(torch.autograd.grad(value, gates)[0].cpu().double())
        return torch.stack(rows)


def rearranged(fisher: Tensor, removed: Tensor) -> Tensor:
    """Exchanges units of one layer while that lowers ``rᵀ F r``, r being 1 for the units that go.

    Each unit that stays is taken in turn, in ascending order of the diagonal, and put in the place of that unit whose
    return lowers the form most. This is repeated until it changes nothing, so no single exchange can lower the result.

    Args:
        fisher: float64 [units, units], positive semidefinite.
        removed: bool [units].

    Returns:
        bool [units], with as many True.
    """
    removed = removed.clone()
    diagonal = fisher.diagonal()
    least = LOWERED * float(diagonal.sum())
    coupled = fisher[:, removed].sum(1)  # F r
    exchanged = bool(removed.any())
    while exchanged:
        exchanged = False
        staying = (~removed).nonzero().flatten()
        for unit in staying[diagonal[staying].argsort(stable=True)].tolist():
            going = removed.nonzero().flatten()
            returns = diagonal[going] - 2 * coupled[going] - 2 * fisher[unit, going]
            best = int(returns.argmin())
            if float(diagonal[unit] + 2 * coupled[unit] + returns[best]) < -least:
                back = int(going[best])
                removed[unit], removed[back] = True, False
                coupled += fisher[:, unit] - fisher[:, back]
                exchanged = True
    return removed


def _contributions(gradients: Tensor, layers: Tensor, remove: int) -> Tensor:
    """float32 [units], of which the lowest ``remove`` are the mask. gradients: float64 [batches, units]."""
    half = gradients.square().mean(0) / 2
    removed = torch.zeros(len(half), dtype=torch.bool)
    removed[half.argsort(stable=True)[:remove]] = True
    divided = torch.zeros_like(removed)
    for layer in sorted(set(layers.tolist())):
        here = (layers == layer).nonzero().flatten()
        fisher = gradients[:, here].T @ gradients[:, here] / len(gradients)
        removed[here] = rearranged(fisher, removed[here])
        divided[here] = _alike_across(fisher, removed[here])
    return _in_order(half, [removed & ~divided, divided, ~removed & ~divided])


def _alike_across(fisher: Tensor, removed: Tensor) -> Tensor:
    """bool [units]: those that stay and are like one that goes, and those that go and are like one that stays."""
    squares = fisher.diagonal()[:, None] + fisher.diagonal()
    across = (squares - 2 * fisher <= ALIKE * squares) & (removed[:, None] != removed)
    return across.any(1)


def _in_order(values: Tensor, parts: list[Tensor]) -> Tensor:
    """The values, those of each part lifted by one number where not all are higher than the parts before."""
    lifted = values.clone()
    floor = 0.0
    for part in parts:
        if part.any():
            lowest = float(lifted[part].min())
            # Also where rounding to float32 would let two parts tie. Units without any gradient are all alike.
            if floor > 0 and lowest <= floor * (1 + 1e-6):
                lifted[part] += 1.001 * floor - lowest
            floor = float(lifted[part].max())
    return lifted.float()


@hookimpl
def ablate_register_scorers(register: Callable[[type[Scorer]], None]) -> None:
    register(FisherRearranged)
