"""The calibration sets that a stability study compares. Each differs from the recipe's calibration set in one thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ablate.data.calibration import Calibration, CalibrationSpec, Over, calibrate, splits_of
from ablate.data.items import Source
from ablate.errors import AblateError
from ablate.plan.plan import Step
from ablate.recipe.studies import Stability
from ablate.store.keys import parts_used
from ablate.studies.contributions import require_examples

BySeed = dict[int, Calibration]
"""Calibration seed -> calibration set."""


@dataclass(frozen=True)
class Variants:
    """The calibration sets.

    recipe: the recipe's own set.
    seeds: at the recipe's size and batch size.
    sizes: number of pairs, and of sentences and graded pairs -> a set for each calibration seed; ascending.
    batches: batch size -> a set at the recipe's seed and size; ascending.
    """

    recipe: Calibration
    seeds: BySeed
    sizes: dict[int, BySeed]
    batches: dict[int, Calibration]

    @property
    def all(self) -> dict[str, Calibration]:
        """Each distinct set once, by its identity, beginning with those of the seeds."""
        of_sizes = [calibration for by_seed in self.sizes.values() for calibration in by_seed.values()]
        repeated = [*self.seeds.values(), *of_sizes, self.recipe, *self.batches.values()]
        return {identity(calibration): calibration for calibration in repeated}


def identity(calibration: Calibration) -> str:
    """A text that is equal for calibration sets with the same content."""
    return calibration.hash + calibration.graded_hash


def variants(
    spec: CalibrationSpec, study: Stability, source: Source, steps: Sequence[Step], note: Callable[[str], None]
) -> Variants:
    """Draws all calibration sets.

    Args:
        steps: the steps whose scorers use the sets.
        note: called with a sentence for each size or batch size that is left out.

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
    for batch_size in study.batch_sizes:
        try:
            batches[batch_size] = draw(batch_size=batch_size)
        except AblateError as error:
            note(f"batch size {batch_size} is left out: {error}")
    if not sizes:
        raise AblateError("stability.sizes: no size can be measured; list larger ones, or lower calibration.batch_size")
    return Variants(recipe, seeds, sizes, batches)


def _sizes(study: Stability, draw: Callable[..., Calibration], note: Callable[[str], None]) -> dict[int, BySeed]:
    """The sets of each size that the splits can fill. A larger size is left out if it has no more examples."""
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
            drawn = next(iter(sets.values()))
            note(
                f"size {size} is left out: there are no more than {len(drawn.pairs)} pairs and "
                f"{len(drawn.sentences)} sentences"
            )
            continue
        sizes[size], previous = sets, identities
    return sizes


def shared(first: Calibration, second: Calibration) -> float:
    """The share of the first set's pairs that are in the second, in [0, 1]."""
    return len(set(first.pairs) & set(second.pairs)) / len(first.pairs)
