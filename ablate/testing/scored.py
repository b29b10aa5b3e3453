"""Scores a tiny model with a scorer as the engine would, and checks the contributions and what the scorer does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ablate.data.calibration import Calibration
from ablate.engine.collect import collect
from ablate.engine.score import view_of
from ablate.events import Event
from ablate.granularities.base import Granularity
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.scorers.base import Scorer, View
from ablate.testing.contract import ContractBroken, require
from ablate.testing.samples import sample_calibration, sample_tasks
from ablate.testing.tiny import tiny_model


class Case:
    """A scorer, a granularity and a tiny model, whose weights a contract may change before it scores."""

    def __init__(self, scorer: Scorer, granularity: Granularity, family: str) -> None:
        self.scorer, self.granularity = scorer, granularity
        self.who = f"scorer '{scorer.name}' at {granularity.name} on tiny {family}"
        self.model = tiny_model(family, neurons=48)

    @cached_property
    def layers(self) -> Tensor:
        return self.granularity.layers(self.model)

    def scores(self, seed: int = 0, calibration: Calibration | None = None, kept: Tensor | None = None) -> Tensor:
        """The contributions, float32 [units], after they were checked.

        Args:
            kept: bool [units], the mask in force.

        Raises:
            ContractBroken: they have another type or shape or are not finite, or the scorer runs the model and may not.
            PluginError: the scorer refuses the granularity.
        """
        scores = contributions(
            self.scorer,
            self.model,
            self.granularity,
            calibration or sample_calibration(),
            seed=seed,
            kept=kept,
            watched=lambda model: _watched(model, self.scorer, self.who),
        )
        _check_values(scores, self.scorer, len(self.layers), self.who)
        return scores.detach()

    def steps(self) -> int:
        """How many steps the scorer tells of while it scores."""
        told: list[Event] = []
        with watched_views(self.scorer, self.model, {self.granularity: None}, sample_calibration()) as views:
            self.scorer.score_together({g: replace(view, watch=told.append) for g, view in views.items()})
        return sum(event.kind == "step" for event in told)

    def scores_with(self, other: Granularity) -> Tensor:
        """The contributions, float32 [units], if another granularity is scored together with this one.

        Raises:
            ContractBroken: see :meth:`scores`; or the contributions of a granularity are missing.
        """
        both: dict[Granularity, Tensor | None] = {self.granularity: None, other: None}
        who = f"{self.who}, with {other.name}"
        with watched_views(
            self.scorer, self.model, both, sample_calibration(), 0, lambda model: _watched(model, self.scorer, who)
        ) as views:
            scores: object = self.scorer.score_together(views)
        require(
            isinstance(scores, Mapping) and scores.keys() == both.keys(),
            f"{who}: score_together does not return the contributions of these two granularities",
        )
        assert isinstance(scores, Mapping)
        for granularity in both:
            _check_values(scores[granularity], self.scorer, len(granularity.layers(self.model)), who)
        contributions: Tensor = scores[self.granularity]
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
    """The contribution of each unit of a model, computed with the statistics that the scorer declares, as in a run.

    Args:
        seed: of ``view.generator``.
        kept: bool [units], the mask in force.
        watched: a context manager that is entered with the model while the scorer scores.

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
    """The views of the model that a scorer is given, at several granularities.

    A targeted scorer is asked to remove a quarter of the units of each.

    Args:
        kept: for each granularity, bool [units], the units that are left; None for all of them.
    """
    collected = collect(model, calibration, [(g, statistic) for g in kept for statistic in scorer.statistics()])
    tasks = sample_tasks(scorer.tasks())
    members = []
    for member in scorer.members():
        with watched_views(member, model, kept, calibration, seed, watched) as views:
            members.append(member.score_together(views))
    with watched(model) as watched_model:
        yield {
            g: replace(
                view_of(watched_model, calibration, scorer, g, g.layers(model), collected, seed, left, tasks),
                remove=len(g.layers(model)) // 4 if scorer.targeted else None,
                members=tuple(member[g] for member in members),
            )
            for g, left in kept.items()
        }


def _check_values(scores: Any, scorer: Scorer, units: int, who: str) -> None:
    require(isinstance(scores, Tensor), f"{who}: score returns a {type(scores).__name__}, not a Tensor")
    require(
        scores.dtype == torch.float32 and scores.shape == (units,),
        f"{who}: score returns {scores.dtype} {list(scores.shape)}, not float32 for each of {units} units",
    )
    bad = int((~scores.isfinite()).sum())
    require(bad == 0, f"{who}: {bad} of {units} contributions are not finite")
    if not scorer.signed:
        require(bool((scores >= 0).all()), f"{who}: contributions below 0, but `signed` is False")


@contextmanager
def _watched(model: Model, scorer: Scorer, who: str) -> Iterator[Model]:
    """The model, which raises ContractBroken if a scorer that is not slow runs it."""

    def refuse(*_: object) -> None:
        raise ContractBroken(f"{who}: runs the model, which only a scorer with slow = True may do")

    def embed(features: Mapping[str, Tensor]) -> Tensor:
        refuse()
        return model.embed(features)

    if scorer.slow:
        yield model
        return
    # Both ways to run the model are closed: `embed`, and the backbone itself.
    handle = model.backbone.register_forward_pre_hook(refuse)
    guarded: Callable[[Mapping[str, Tensor]], Tensor] = embed
    try:
        yield replace(model, embed=guarded)
    finally:
        handle.remove()
