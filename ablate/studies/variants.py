"""The calibration sets that stability is measured over: one thing is varied at a time from the recipe's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ablate.data.calibration import Calibration, CalibrationSpec, Over, calibrate, splits_of
from ablate.data.pairs import Source
from ablate.errors import AblateError
from ablate.plan.plan import Step
from ablate.recipe.studies import Stability
from ablate.store.keys import parts_used
from ablate.studies.contributions import require_examples

BySeed = dict[int, Calibration]


@dataclass(frozen=True)
class Variants:
    """seeds: at the recipe's size. batches: batch size -> at the recipe's seed. recipe: the recipe's own set.

    sizes: how many pairs, sentences and graded pairs -> a set for each seed.
    """

    recipe: Calibration
    seeds: BySeed
    sizes: dict[int, BySeed]
    batches: dict[int, Calibration]

    @property
    def all(self) -> dict[str, Calibration]:
        """Each distinct set once, by its identity; those of the seeds first."""
        both = [*self.seeds.values(), *(one for sets in self.sizes.values() for one in sets.values())]
        return {identity(one): one for one in [*both, self.recipe, *self.batches.values()]}


def identity(calibration: Calibration) -> str:
    """The same for calibration sets that no scorer can tell apart."""
    return calibration.hash + calibration.graded_hash


def variants(
    spec: CalibrationSpec, study: Stability, source: Source, steps: Sequence[Step], note: Callable[[str], None]
) -> Variants:
    """Draws them all.

    Args:
        steps: whose scorers are to look at them.
        note: told of each size or batch size that is left out, and why.

    Raises:
        AblateError: the recipe's own set, or that of another seed, is too small for a batch; or no size is left.
    """

    splits = splits_of(spec, source)
    looks: frozenset[Over] = frozenset().union(*(parts_used(step.scorer) for step in steps))

    def drawn(**changes: Any) -> Calibration:
        calibration = calibrate(spec.model_copy(update=changes), splits, looks)
        require_examples(calibration, steps)
        return calibration

    recipe = drawn()
    seeds = {seed: drawn(calibration_seed=seed) for seed in study.calibration_seeds}
    sizes: dict[int, BySeed] = {}
    batches: dict[int, Calibration] = {}
    before: set[str] = set()
    for size in study.sizes:
        try:
            sets = {seed: drawn(calibration_seed=seed, pairs=size, sentences=size, graded=size) for seed in seeds}
        except AblateError as error:
            note(f"size {size} is left out: {error}")
            continue
        if before == set(map(identity, sets.values())):
            one = next(iter(sets.values()))
            note(f"size {size} is left out: there are no more than {_size(one)}")
            continue
        sizes[size], before = sets, set(map(identity, sets.values()))
    for batch in study.batch_sizes:
        try:
            batches[batch] = drawn(batch_size=batch)
        except AblateError as error:
            note(f"batch size {batch} is left out: {error}")
    if not sizes:
        raise AblateError("stability.sizes: none is left to measure; list larger ones, or lower calibration.batch_size")
    return Variants(recipe, seeds, sizes, batches)


def _size(calibration: Calibration) -> str:
    return f"{len(calibration.pairs)} pairs and {len(calibration.sentences)} sentences"


def shared(first: Calibration, second: Calibration) -> float:
    """The share of the first set's pairs that are in the second, in [0, 1]."""
    return len(set(first.pairs) & set(second.pairs)) / len(first.pairs)
