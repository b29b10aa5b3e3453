"""A scorer on a tiny model at one granularity, scored as the engine would, and watched."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ablate.data.calibration import Calibration
from ablate.engine.collect import collect
from ablate.engine.score import view_of
from ablate.granularities.base import Granularity
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.scorers.base import Scorer, View
from ablate.testing.contract import ContractBroken, require
from ablate.testing.samples import sample_calibration, sample_tasks
from ablate.testing.tiny import tiny_model


class Case:
    """What a scorer makes of a tiny model, whose weights a contract may set before it scores."""

    def __init__(self, scorer: Scorer, granularity: Granularity, family: str) -> None:
        self.scorer, self.granularity = scorer, granularity
        self.who = f"scorer '{scorer.name}' at {granularity.name} on tiny {family}"
        self.model = tiny_model(family, neurons=48)

    @cached_property
    def layers(self) -> Tensor:
        return self.granularity.layers(self.model)

    def scores(self, seed: int = 0, calibration: Calibration | None = None, kept: Tensor | None = None) -> Tensor:
        """The contributions, float32 [units], checked.

        Args:
            kept: bool [units], the mask in force.

        Raises:
            ContractBroken: they are of another type or shape, are not finite, or come from running the model.
            PluginError: the scorer refuses the granularity.
        """
        scored = contributions(
            self.scorer,
            self.model,
            self.granularity,
            calibration or sample_calibration(),
            seed=seed,
            kept=kept,
            watched=lambda model: _watched(model, self.scorer, self.who),
        )
        _check_values(scored, self.scorer, len(self.layers), self.who)
        return scored.detach()

    def scores_with(self, other: Granularity) -> Tensor:
        """The contributions, float32 [units], where another granularity is scored together with this one; checked.

        Raises:
            ContractBroken: those of either granularity are wrong as for :meth:`scores`, or lacking.
        """
        both: dict[Granularity, Tensor | None] = {self.granularity: None, other: None}
        who = f"{self.who}, with {other.name}"
        with watched_views(
            self.scorer, self.model, both, sample_calibration(), 0, lambda model: _watched(model, self.scorer, who)
        ) as views:
            scored: object = self.scorer.score_together(views)
        require(
            isinstance(scored, Mapping) and scored.keys() == both.keys(),
            f"{who}: score_together does not give the contributions of these two granularities",
        )
        assert isinstance(scored, Mapping)
        for granularity in both:
            _check_values(scored[granularity], self.scorer, len(granularity.layers(self.model)), who)
        contributions: Tensor = scored[self.granularity]
        return contributions.detach()


def contributions(
    scorer: Scorer,
    model: Model,
    granularity: Granularity,
    calibration: Calibration,
    *,
    seed: int = 0,
    kept: Tensor | None = None,
    watched: Callable[[Model], AbstractContextManager[Model]] = nullcontext,
) -> Tensor:
    """What a scorer gives for each unit of a model, with the statistics that it declares, as in a run.

    Args:
        seed: of ``view.generator``.
        kept: bool [units], the mask in force.
        watched: what is held open around the model while the scorer scores.

    Returns:
        float32 [units].
    """
    with (
        masked(model, {} if kept is None else granularity.keep(model, kept)),
        watched_views(scorer, model, {granularity: kept}, calibration, seed, watched) as views,
    ):
        return scorer.score_together(views)[granularity]


@contextmanager
def watched_views(
    scorer: Scorer,
    model: Model,
    kept: Mapping[Granularity, Tensor | None],
    calibration: Calibration,
    seed: int = 0,
    watched: Callable[[Model], AbstractContextManager[Model]] = nullcontext,
) -> Iterator[dict[Granularity, View]]:
    """What a scorer is given for the model as it is, at several granularities.

    Args:
        kept: bool [units] of each granularity, those that count as left; None for all.
    """
    collected = collect(model, calibration, [(g, statistic) for g in kept for statistic in scorer.statistics()])
    tasks = sample_tasks(scorer.tasks())
    with watched(model) as seen:
        yield {
            g: view_of(seen, calibration, scorer, g, g.layers(model), collected, seed, left, tasks)
            for g, left in kept.items()
        }


def _check_values(found: Any, scorer: Scorer, units: int, who: str) -> None:
    require(isinstance(found, Tensor), f"{who}: score gives a {type(found).__name__}, not a Tensor")
    require(
        found.dtype == torch.float32 and found.shape == (units,),
        f"{who}: score gives {found.dtype} {list(found.shape)}, not float32 for each of {units} units",
    )
    bad = int((~found.isfinite()).sum())
    require(bad == 0, f"{who}: {bad} of {units} contributions are not finite")
    if not scorer.signed:
        require(bool((found >= 0).all()), f"{who}: contributions below 0, but `signed` is False")


@contextmanager
def _watched(model: Model, scorer: Scorer, who: str) -> Iterator[Model]:
    """The model, on which only a slow scorer may compute an embedding."""

    def refuse(*_: object) -> None:
        raise ContractBroken(f"{who}: runs the model, which only a scorer with slow = True may")

    def embed(features: Mapping[str, Tensor]) -> Tensor:
        refuse()
        return model.embed(features)

    if scorer.slow:
        yield model
        return
    handle = model.backbone.register_forward_pre_hook(refuse)
    guarded: Callable[[Mapping[str, Tensor]], Tensor] = embed
    try:
        yield dataclasses.replace(model, embed=guarded)
    finally:
        handle.remove()
