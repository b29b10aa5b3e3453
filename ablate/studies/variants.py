"""The calibration sets that stability compares: each varies one thing of the recipe's calibration set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ablate.data.calibration import Calibration, CalibrationSpec, Over, calibrate, splits_of
from ablate.data.pairs import Source
from ablate.engine.score import parts_used
from ablate.errors import AblateError
from ablate.plan.plan import Step
from ablate.recipe.studies import Stability
from ablate.studies.contributions import require_examples

BySeed = dict[int, Calibration]
"""Calibration seed -> set."""


@dataclass(frozen=True)
class Variants:
    """The calibration sets.

    recipe: the recipe's own set.
    seeds: at the recipe's size and batch size.
    sizes: how many pairs, sentences and graded pairs each -> a set for each calibration seed; rising.
    batches: batch size -> a set at the recipe's seed and size; rising.
    """

    recipe: Calibration
    seeds: BySeed
    sizes: dict[int, BySeed]
    batches: dict[int, Calibration]

    @property
    def all(self) -> dict[str, Calibration]:
        """Each distinct set once, by its identity; those of the seeds first."""
        sized = [one for sets in self.sizes.values() for one in sets.values()]
        return {identity(one): one for one in [*self.seeds.values(), *sized, self.recipe, *self.batches.values()]}


def identity(calibration: Calibration) -> str:
    """The same for calibration sets that no scorer can tell apart."""
    return calibration.hash + calibration.graded_hash


def variants(
    spec: CalibrationSpec, study: Stability, source: Source, steps: Sequence[Step], note: Callable[[str], None]
) -> Variants:
    """Draws all calibration sets.

    Args:
        steps: their scorers will use the sets.
        note: is called with a sentence for each size or batch size that is left out.

    Raises:
        AblateError: the recipe's own set, or that of another seed, is too small for a batch; or no size is left.
    """
    splits = splits_of(spec, source)
    parts: frozenset[Over] = frozenset().union(*(parts_used(step.scorer) for step in steps))

    def draw(**changes: int) -> Calibration:
        calibration = calibrate(spec.model_copy(update=changes), splits, parts)
        require_examples(calibration, steps)
        return calibration

    recipe = draw()
    seeds = {seed: draw(calibration_seed=seed) for seed in study.calibration_seeds}
    sizes = _sizes(study, draw, note)
    batches: dict[int, Calibration] = {}
    for batch in study.batch_sizes:
        try:
            batches[batch] = draw(batch_size=batch)
        except AblateError as error:
            note(f"batch size {batch} is left out: {error}")
    if not sizes:
        raise AblateError("stability.sizes: none is left to measure; list larger ones, or lower calibration.batch_size")
    return Variants(recipe, seeds, sizes, batches)


def _sizes(study: Stability, draw: Callable[..., Calibration], note: Callable[[str], None]) -> dict[int, BySeed]:
    """The sets of each size that the splits can fill; a larger size that has no more examples is left out."""
    sizes: dict[int, BySeed] = {}
    previous: set[str] = set()
    for size in study.sizes:
        try:
            sets = {
                seed: draw(calibration_seed=seed, pairs=size, sentences=size, graded=size)
                for seed in study.calibration_seeds
            }
        except AblateError as error:
            note(f"size {size} is left out: {error}")
            continue
        identities = set(map(identity, sets.values()))
        if identities == previous:
            note(f"size {size} is left out: there are no more than {_size(next(iter(sets.values())))}")
            continue
        sizes[size], previous = sets, identities
    return sizes


def _size(calibration: Calibration) -> str:
    return f"{len(calibration.pairs)} pairs and {len(calibration.sentences)} sentences"


def shared(first: Calibration, second: Calibration) -> float:
    """The share of the first set's pairs that are in the second, in [0, 1]."""
    return len(set(first.pairs) & set(second.pairs)) / len(first.pairs)
