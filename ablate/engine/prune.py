"""From prune steps to a mask: score, remove the lowest, and score again under the new mask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ablate.engine.draw import Groups, draw_among, matched
from ablate.engine.search import Ranked
from ablate.engine.select import select
from ablate.granularities.base import Granularity
from ablate.granularities.units import Units
from ablate.models.masked import Mask
from ablate.models.model import Model
from ablate.plan.plan import Step
from ablate.timing import Timings

Contributions = NDArray[np.float32]
"""[units], finite; higher = keep."""


@dataclass(frozen=True)
class Pruner:
    """Chooses the units of one model to remove.

    layers_of: a granularity -> int64 [units], each unit's layer. alike_of: a granularity -> the groups of units among
        which matched draws choose.
    contributions_of: a step, the masks in force, and how many units of each granularity the step removes now (None:
        all below 0) -> the contributions at each of the step's granularities.
    tie_seed: decides between equal contributions, unless the step has a seed.
    search: a step with a search, the masks after its last share, and the units it has chosen from -> the masks that
        the search finds.
    timings: the time of the choice, without the time of the contributions, is added to it as ``mask``.
    """

    model: Model
    layers_of: Callable[[Granularity], Tensor]
    contributions_of: Callable[[Step, Units, Mapping[Granularity, int | None]], Mapping[Granularity, Contributions]]
    tie_seed: int
    timings: Timings
    alike_of: Callable[[Granularity], Groups]
    search: Callable[[Step, Units, Sequence[Ranked]], Units] | None = None

    def prune(self, steps: Iterable[Step], in_force: Units, *, flipped: bool = False) -> Units:
        """Removes the lowest units of each step, one share after another.

        Before each share, all granularities of the step are scored under the same mask in force. Then each of them
        loses its share.

        Args:
            in_force: the masks to begin with. What they have removed does not count towards a step's sparsity.
            flipped: remove as many units, but those of highest contribution.
        """
        units = in_force
        for step in steps:
            removed = dict.fromkeys(step.granularities, 0)
            ranked: dict[Granularity, Ranked] = {}
            for share in range(1, step.steps + 1):
                left = {granularity: self._left(granularity, units) for granularity in step.granularities}
                totals = step.removed_after(share, {granularity: len(mask) for granularity, mask in left.items()})
                more = {g: None if total is None else total - removed[g] for g, total in totals.items()}
                contributions = self.contributions_of(step, units, more)
                for granularity, before in left.items():
                    ranked[granularity] = self._ranked(
                        granularity, contributions[granularity], before, ranked.get(granularity)
                    )
                    count: int | Literal["negative"] = "negative"
                    if (number := more[granularity]) is not None:
                        count = len(before) - int(before.sum()) + number
                    after = self._remove(step, granularity, contributions[granularity], before, count, flipped)
                    removed[granularity] += int(before.sum()) - int(after.sum())
                    units = units.with_mask(granularity, after)
            if step.search is not None and not flipped:
                assert self.search is not None
                units = self.search(step, units, list(ranked.values()))
        return units

    def _ranked(
        self, granularity: Granularity, contributions: Contributions, left: Mask, earlier: Ranked | None
    ) -> Ranked:
        """The units of a step with their contributions before a share; of a removed one, when it was removed."""
        if earlier is None:
            return Ranked(granularity, contributions, self.layers_of(granularity).numpy(), left)
        return replace(earlier, contributions=np.where(left, contributions, earlier.contributions))

    def grow(self, step: Step, fraction: float, in_force: Units) -> Units:
        """Removes more units, until ``fraction`` of the step's sparsity is reached at each granularity.

        Raises:
            ValueError: a sparsity of the step is not a number.
        """
        sparsities = []
        for granularity, sparsity in step.sparsities:
            if sparsity == "negative":
                raise ValueError(f"'{step}' cannot grow: `negative` is not a share of the units")
            left = self._left(granularity, in_force)
            more = round(fraction * sparsity * len(left)) - (len(left) - int(left.sum()))
            sparsities.append((granularity, max(more, 0) / len(left)))
        return self.prune([replace(step, sparsities=tuple(sparsities), steps=1, search=None)], in_force)

    def draw(self, chosen: Units, seed: int) -> Units:
        """The matched control of a mask: as many units of each group at each granularity, chosen at random."""
        drawn, earlier = Units(), Units()
        for name, mask in chosen.masks.items():
            granularity = chosen.granularities[name]
            groups = self.alike_of(granularity)
            if drawn.masks:
                # Units that are removed with those of an earlier granularity, such as the weights of a head, are not
                # drawn for this one.
                among, removed = self._left(granularity, drawn), self._left(granularity, earlier) & ~mask
                layers = Groups.of(self.layers_of(granularity).numpy())
                draw = among & ~draw_among(removed, among, groups, layers, seed)
            else:
                draw = matched(mask, groups, seed)
            drawn, earlier = drawn.with_mask(granularity, draw), earlier.with_mask(granularity, mask)
        return drawn

    def _left(self, granularity: Granularity, units: Units) -> Mask:
        return units.left(self.model, granularity, len(self.layers_of(granularity)))

    def _remove(
        self,
        step: Step,
        granularity: Granularity,
        contributions: Contributions,
        left: Mask,
        count: int | Literal["negative"],
        flipped: bool,
    ) -> Mask:
        """The mask with ``count`` units removed in total."""
        selected = partial(
            select,
            layers=self.layers_of(granularity).numpy(),
            scope=step.scope,
            min_keep=granularity.min_keep,
            kept=left,
            tie_seed=self.tie_seed if step.seed is None else step.seed,
        )
        with self.timings.measure("mask"):
            if flipped and count == "negative":
                # As many units as `negative` would remove, but the highest.
                count = len(left) - int(selected(contributions, count=count).sum())
            return selected(-contributions if flipped else contributions, count=count)
