"""What a scorer owes: finite contributions, a function of what it declared, and a model that is as it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ablate.data.calibration import Calibration
from ablate.errors import PluginError
from ablate.experiment.collect import Collected, collect
from ablate.experiment.mask import masked
from ablate.experiment.score import view_of
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.models.model import Model
from ablate.scorers.base import GradientContribution, InputNorm, Scorer
from ablate.testing.plugin_contract import FAMILIES, ContractBroken, borrowed, check_plugin, require
from ablate.testing.samples import sample_calibration, sample_tasks
from ablate.testing.state import same_bits
from ablate.testing.tiny import tiny_model

GRANULARITIES: tuple[Granularity, ...] = (Unstructured(), Head(), Neuron())


def check_scorer(
    plugin: type[Scorer],
    families: Sequence[str] = FAMILIES,
    granularities: Sequence[Granularity] = GRANULARITIES,
    **parameters: Any,
) -> None:
    """Checks that a scorer keeps its contract, on dense models and on models under a mask.

    A scorer may refuse a granularity with a PluginError, as long as it takes one.

    Args:
        families: the model families to check it on, of ``ablate.models.architectures.SUPPORTED``.
        parameters: as a recipe would give them; call it once for each choice that makes another scorer of it.

    Raises:
        ContractBroken: what is wrong, in one line.
    """
    scorer = check_plugin(plugin, Scorer, **parameters)
    _check_declaration(scorer)
    calibration = sample_calibration()
    for family in families:
        model = tiny_model(family, neurons=48)
        taken = 0
        for granularity in granularities:
            who = f"scorer '{plugin.name}' at {granularity.name} on tiny {family}"
            with borrowed(model, who):
                try:
                    _check_contributions(scorer, granularity, model, calibration, who)
                except PluginError:
                    continue
            taken += 1
        require(taken > 0, f"scorer '{plugin.name}' refuses every granularity on tiny {family}")


def _check_declaration(scorer: Scorer) -> None:
    who, declared = f"scorer '{scorer.name}'", scorer.statistics()
    require(
        isinstance(declared, tuple) and all(isinstance(s, GradientContribution | InputNorm) for s in declared),
        f"{who}: statistics() is not a tuple of statistics: {declared!r}",
    )
    require(
        declared == scorer.statistics(),
        f"{who}: statistics() declares others each time, so that nothing could be shared",
    )
    named = scorer.tasks()
    require(
        isinstance(named, tuple) and all(isinstance(name, str) for name in named),
        f"{who}: tasks() is not a tuple of names: {named!r}",
    )
    require(scorer.slow or not named, f"{who}: names tasks, which only a scorer with slow = True is given")
    for flag in ("seeded", "slow", "signed", "calibrates"):
        require(isinstance(getattr(scorer, flag), bool), f"{who}: {flag} is no bool")


def _check_contributions(
    scorer: Scorer, granularity: Granularity, model: Model, calibration: Calibration, who: str
) -> None:
    layers = granularity.layers(model)
    collected = collect(model, calibration, [(granularity, s) for s in scorer.statistics()])
    tasks = sample_tasks(scorer.tasks())

    def scored(seed: int, collected: Collected = collected, kept: Tensor | None = None) -> Tensor:
        with _watched(model, scorer, who) as watched:
            view = view_of(watched, calibration, scorer, granularity, layers, collected, seed, kept, tasks)
            found = scorer.score(view)
        _check_values(found, scorer, len(layers), who)
        return found.detach()

    first = scored(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        require(same_bits(scored(0), first), f"{who}: the same seed gives other contributions the second time")
    differs = not same_bits(scored(1), first)
    if scorer.seeded:
        require(differs, f"{who}: seeded = True, but seeds 0 and 1 give the same contributions")
    else:
        require(not differs, f"{who}: contributions depend on the seed, but seeded = False")
    kept = torch.arange(len(layers)) % 2 == 0
    with masked(model, granularity.keep(model, kept)):
        scored(0, collect(model, calibration, [(granularity, s) for s in scorer.statistics()]), kept)


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
