"""Turns the measurements of one granularity into its entry in the record of a prevalence study."""

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
    """The entry of one granularity.

    Args:
        harmless, best: from an earlier run of the same recipe.
    """
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
        predicted=tuple(_prediction(measured, scorer, predicted) for scorer, predicted in measured.predicted.items()),
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
    """The contribution of each unit, as predicted by each scorer and as measured by exact removal (``oracle``).

    Empty if units were removed in groups, or a unit has no score.
    """
    groups, gains = measured.groups, measured.gains
    if not groups.alone or len(gains.places) < len(groups):
        return []

    def contributions(scorer: str, values: NDArray[np.floating], oracle: bool = False) -> UnitContributions:
        return UnitContributions(
            measured.model, measured.granularity, groups.layers, scorer, tuple(values.tolist()), oracle
        )

    predicted = [contributions(scorer, prediction.sums) for scorer, prediction in measured.predicted.items()]
    # A contribution is the score that is lost with a unit, so it is the gain with the opposite sign.
    return [*predicted, contributions("oracle", -gains.gains, oracle=True)]


def _prediction(measured: GranularityPrevalence, scorer: str, predicted: Predicted) -> Prediction:
    gains = measured.gains
    # Of the groups that have a score; a gain has the opposite sign of a contribution.
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
    """Group -> its gain on the confirm tasks, without groups that have no score there."""
    gains = measured.confirm_gains
    if gains is None:
        return {}
    passed = confirmed(gains.gains, gains.errors, measured.level).tolist()
    numbers = zip(gains.gains.tolist(), gains.errors.tolist(), passed, strict=True)
    return {place: ConfirmGain(*fields) for place, fields in zip(gains.places, numbers, strict=True)}


def _confirmation(measured: GranularityPrevalence) -> Confirmation | None:
    if not measured.confirmed_on:
        return None
    gains = measured.confirm_gains
    return Confirmation(
        tasks=measured.confirmed_on,
        pairs=gains.pairs if gains else None,
        level=measured.level,
        confirmed=sum(gain.confirmed for gain in _confirm_gains(measured).values()),
        # Of groups that truly gain nothing, the test lets this share pass.
        expected=measured.level * len(measured.found),
    )


def _layers(measured: GranularityPrevalence, found: Sequence[FoundGroup]) -> tuple[LayerPrevalence, ...]:
    gains, groups, share = measured.gains, measured.groups, measured.share
    layers = np.array([groups.layers[place] for place in gains.places], np.int64)
    # With the prior of all layers together, because a layer has too few groups for one of its own.
    chances = above_zero(gains.gains, gains.errors, share.mean, share.sd) if share else None
    units = np.bincount(groups.layers, [len(group) for group in groups.units])
    entries = []
    for layer in range(int(groups.layers[-1]) + 1):
        in_layer: NDArray[np.bool_] = layers == layer
        found_in_layer = [group for group in found if group.layer == layer]
        entries.append(
            LayerPrevalence(
                layer=layer,
                groups=int(in_layer.sum()),
                predicted={
                    scorer: float(predicted.below[layer] / units[layer])
                    for scorer, predicted in measured.predicted.items()
                },
                share=float(chances[in_layer].mean()) if chances is not None and in_layer.any() else None,
                gain=float(gains.gains[in_layer].mean()) if in_layer.any() else None,
                found=len(found_in_layer),
                confirmed=sum(group.confirm is not None and group.confirm.confirmed for group in found_in_layer),
            )
        )
    return tuple(entries)
