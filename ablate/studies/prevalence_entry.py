"""From what exact removal says of one granularity to its entry in the record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ablate.statistics.discovery import confirmed, p_better
from ablate.statistics.hurting_share import above_zero
from ablate.statistics.ranking_agreement import rank_correlations
from ablate.studies.granularity_prevalence import RATE, GranularityPrevalence
from ablate.studies.predicted import Predicted
from ablate.studies.prevalence_record import (
    BestCell,
    Confirmation,
    ConfirmGain,
    FoundGroup,
    HarmlessSparsity,
    LayerPrevalence,
    Prediction,
    PrevalenceEntry,
    Removals,
    UnitContributions,
)


def entry_of(
    measured: GranularityPrevalence, harmless: tuple[HarmlessSparsity, ...] = (), best: BestCell | None = None
) -> PrevalenceEntry:
    """The entry of one granularity, with what an earlier run says about it (``harmless``, ``best``)."""
    groups, gains = measured.groups, measured.gains
    sizes = [len(units) for units in groups.units]
    found = _found(measured)
    return PrevalenceEntry(
        model=measured.model,
        granularity=measured.granularity,
        units=sum(sizes),
        groups=len(groups),
        group_size=max(sizes),
        tasks=measured.tasks,
        pairs=gains.pairs,
        undefined=len(groups) - len(gains.places),
        predicted=tuple(_prediction(measured, name, one) for name, one in measured.predicted.items()),
        removed=Removals(
            gains.places,
            tuple(groups.layers[place] for place in gains.places),
            tuple(gains.gains.tolist()),
            tuple(gains.errors.tolist()),
        ),
        share=measured.share,
        replication=measured.replication,
        rate=RATE,
        found=found,
        confirm=_confirmation(measured),
        layers=_layers(measured, found),
        harmless=harmless,
        best=best,
    )


def maps_of(measured: GranularityPrevalence) -> list[UnitContributions]:
    """The contribution of each unit, predicted by each scorer, and exact (``oracle``).

    Empty where units were removed in groups, or a unit has no score.
    """
    groups, gains = measured.groups, measured.gains
    if not groups.alone or len(gains.places) < len(groups):
        return []

    def contributions(scorer: str, values: NDArray[np.floating], oracle: bool = False) -> UnitContributions:
        listed = tuple(values.tolist())
        return UnitContributions(measured.model, measured.granularity, groups.layers, scorer, listed, oracle)

    predicted = [contributions(scorer, one.sums) for scorer, one in measured.predicted.items()]
    # The score that is lost with a unit is its contribution: the gain turned.
    return [*predicted, contributions("oracle", -gains.gains, oracle=True)]


def _prediction(measured: GranularityPrevalence, scorer: str, predicted: Predicted) -> Prediction:
    gains = measured.gains
    _, spearman = rank_correlations(predicted.sums[list(gains.places)], -gains.gains.astype(np.float32))
    share = float(predicted.below.sum()) / sum(map(len, measured.groups.units))
    return Prediction(scorer, share, spearman)


def _found(measured: GranularityPrevalence) -> tuple[FoundGroup, ...]:
    groups, gains = measured.groups, measured.gains
    ps = p_better(gains.gains, gains.errors).tolist()
    numbers = dict(zip(gains.places, zip(gains.gains.tolist(), gains.errors.tolist(), ps, strict=True), strict=True))
    confirm = _confirm_gains(measured)
    return tuple(
        FoundGroup(groups.name(place), place, groups.layers[place], *numbers[place], confirm.get(place))
        for place in measured.found
    )


def _confirm_gains(measured: GranularityPrevalence) -> dict[int, ConfirmGain]:
    """By group; those without a score on the confirm tasks are absent."""
    gains = measured.confirm_gains
    if gains is None:
        return {}
    passed = confirmed(gains.gains, gains.errors, measured.level).tolist()
    numbers = zip(gains.gains.tolist(), gains.errors.tolist(), passed, strict=True)
    return {place: ConfirmGain(*one) for place, one in zip(gains.places, numbers, strict=True)}


def _confirmation(measured: GranularityPrevalence) -> Confirmation | None:
    if not measured.confirmed_on:
        return None
    gains = measured.confirm_gains
    return Confirmation(
        tasks=measured.confirmed_on,
        pairs=gains.pairs if gains else None,
        level=measured.level,
        confirmed=sum(one.confirmed for one in _confirm_gains(measured).values()),
        expected=measured.level * len(measured.found),
    )


def _layers(measured: GranularityPrevalence, found: Sequence[FoundGroup]) -> tuple[LayerPrevalence, ...]:
    gains, groups, share = measured.gains, measured.groups, measured.share
    layers = np.array([groups.layers[place] for place in gains.places], np.int64)
    chances = above_zero(gains.gains, gains.errors, share.mean, share.sd) if share else None
    units = np.bincount(groups.layers, [len(one) for one in groups.units])
    entries = []
    for layer in range(int(groups.layers[-1]) + 1):
        here: NDArray[np.bool_] = layers == layer
        found_here = [one for one in found if one.layer == layer]
        entries.append(
            LayerPrevalence(
                layer=layer,
                groups=int(here.sum()),
                predicted={name: float(one.below[layer] / units[layer]) for name, one in measured.predicted.items()},
                share=float(chances[here].mean()) if chances is not None and here.any() else None,
                gain=float(gains.gains[here].mean()) if here.any() else None,
                found=len(found_here),
                confirmed=sum(one.confirm is not None and one.confirm.confirmed for one in found_here),
            )
        )
    return tuple(entries)
