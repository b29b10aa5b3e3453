"""Draws the calibration set of a recipe, and checks that it is what the scorers need, before any weights load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import get_args

from ablate.data.calibration import NOTHING, Calibration, CalibrationSpec, PositivesFile, calibrate, splits_of
from ablate.data.graded import check_graded
from ablate.data.items import KINDS, ItemSet
from ablate.data.sources import Chosen, expand
from ablate.errors import DataError, RecipeError
from ablate.interrupts import any_failure
from ablate.plan.calibration_source import CalibrationSource
from ablate.plan.placed import placed
from ablate.plan.plan import Plan
from ablate.plan.tasks import check_splits
from ablate.recipe.document import Document, Location
from ablate.scorers.base import Scorer
from ablate.scorers.examples import Batches
from ablate.store.keys import parts_used
from ablate.tasks.own import OwnTask


def draw_calibration(
    plan: Plan, chosen: Chosen, document: Document, own: Mapping[str, OwnTask] = MappingProxyType({})
) -> Calibration:
    """The calibration set of a plan. If no scorer uses it, it is empty: no train split is needed, and no pair is seen.

    Args:
        own: the tasks on own files that ``calibration`` names, by name.

    Raises:
        RecipeError: a split is refused, a scorer needs gold scores and there are none, or it takes more examples than
            there are. The message has the place.
        DataError: a split or a file of pairs is malformed.
    """
    spec = plan.recipe.calibration
    if not any(scorer.calibrates for scorer in plan.scorers):
        return NOTHING
    check_splits(spec.splits, chosen, document, ("calibration", "splits"), own)
    _check_graded(plan, chosen, document, own)
    used = frozenset().union(*map(parts_used, plan.scorers))
    in_file = isinstance(spec.positives, PositivesFile)
    with placed(document, ("calibration", "positives", "file") if in_file else ("calibration",)):
        splits = splits_of(spec, CalibrationSource(chosen.source, own))
        _check_pairs(spec, splits, "graded" in used, document, own)
        calibration = calibrate(spec, splits, used)
    for scorer in plan.scorers:
        for what, batches in _taken(scorer):
            try:
                batches.of(calibration, what)
            except DataError as error:
                place = document.place(_place(scorer, plan.places[scorer], batches, calibration))
                raise RecipeError(f"{place}: {error}") from None
    return calibration


def _check_pairs(
    spec: CalibrationSpec, splits: Sequence[ItemSet], graded: bool, document: Document, own: Mapping[str, OwnTask]
) -> None:
    """Refuses splits without pairs, such as texts with classes, where pairs are drawn."""
    if spec.positives == "dropout" and not graded:
        return
    for items in splits:
        task = own.get(items.name)
        if not (len(items.texts[0]) == 2 if task is None else task.has_pairs):
            what = "a scorer looks at pairs with gold scores" if spec.positives == "dropout" else "positives are pairs"
            raise RecipeError(
                f"{document.place(('calibration', 'splits'))}: '{items.name}' has {_kind(items, task)}, and {what}; "
                "name a split of pairs, or use positives: dropout and scorers that need no gold scores"
            )


def _kind(items: ItemSet, task: OwnTask | None) -> str:
    return KINDS[len(items.texts[0])] if task is None else f"no pairs with gold (kind {task.kind})"


def _taken(scorer: Scorer) -> Iterator[tuple[str, Batches]]:
    """What a scorer takes of the calibration set, and what takes it."""
    yield from ((statistic.what, statistic.batches) for statistic in scorer.statistics())
    yield from ((scorer.name, batches) for batches in scorer.batches)


def _place(scorer: Scorer, location: Location, batches: Batches, calibration: Calibration) -> Location:
    """Where a recipe asks for too many examples: the scorer's own parameter if it has one, or the calibration's."""
    asked = len(calibration.examples(batches.over)) < (batches.size or 0)
    keys = (batches.over, "batch_size") if asked else ("batch_size", batches.over)
    own = [key for key in keys if getattr(scorer, key, None) is not None]
    return (*location, own[0]) if own else ("calibration", "batch_size")


def _check_graded(plan: Plan, chosen: Chosen, document: Document, own: Mapping[str, OwnTask]) -> None:
    """Refuses numbers of graded pairs that are not those of the splits, and positives without any gold scores."""
    spec, place = plan.recipe.calibration, ("calibration", "graded")
    from_file = isinstance(spec.positives, PositivesFile)
    if isinstance(spec.graded, dict):
        try:
            if from_file:
                check_splits(list(spec.graded), chosen, document, place, own)
            else:
                check_graded(spec.graded, expand(spec.splits, chosen.source))
        except DataError as error:
            raise RecipeError(f"{document.place(place)}: {error}") from None
        return
    needy = next((scorer for scorer in plan.scorers if "graded" in parts_used(scorer)), None)
    if from_file and needy is not None:
        raise RecipeError(
            f"{document.place(plan.places[needy])}: scorer '{needy.name}' learns from gold scores, and the pairs of "
            f"calibration.positives have none; {_without_gold(needy)}, or say where gold scores come from, as in "
            "calibration.graded: {stsb-train: 1024}"
        )


def _without_gold(scorer: Scorer) -> str:
    """What to use in place of a scorer that needs gold scores: another value of a parameter, or another scorer."""
    for name, field in type(scorer).model_fields.items():
        values = [value for value in get_args(field.annotation) if _needs_none(scorer, name, value)]
        if values:
            return f"use {name}: {', '.join(values[:-1])}{' or ' if values[1:] else ''}{values[-1]}"
    return "use a scorer that needs none, such as align"


def _needs_none(scorer: Scorer, name: str, value: object) -> bool:
    try:
        return isinstance(value, str) and "graded" not in parts_used(scorer.model_copy(update={name: value}))
    except any_failure():  # a plug-in's code may raise anything
        return False
