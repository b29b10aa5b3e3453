"""Compares the gain of a cell with those of its random rivals: matched draws, and the best masks of random searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablate.errors import Undefined
from ablate.judge.effects import Stage
from ablate.judge.group import Group, RowsByTask
from ablate.judge.samples import Draws
from ablate.statistics.arrays import Floats
from ablate.statistics.compare import AgainstDraws, against_draws
from ablate.statistics.looks import Look, Looks

NO_CHOICE = 0.01
"""The share of a cell's units that some draw has to keep, for the draws to be other masks than the cell's."""

Compared = tuple[AgainstDraws | None, str | None]
"""A comparison, or why there is none."""


@dataclass(frozen=True)
class AgainstRivals:
    """Compares cells of one stage with their rivals.

    draws: the resamples, which all cells share. seed: the recipe's ``statistics_seed``.
    """

    stage: Stage
    draws: Draws
    seed: int

    def matched(self, group: Group, tasks: Sequence[str], delta: float, boots: Floats) -> Compared:
        """The comparison with the matched draws.

        Args:
            delta: the cell's, on the mean over ``tasks``. boots: on each resample.
        """
        if group.row.way is not None:
            return None, "trained cells have no matched draws"
        if group.is_control:
            return None, "cells at random have no matched draws"
        if group.gainless:
            which = "whose mean is no better" if len(self.stage.splits) > 1 else "no better"
            return None, f"cells {which} than dense get no matched draws (controls.stop_early)"
        shares = [row.redrawn for row in group.rows_of_draws() if row.redrawn is not None]
        if shares and max(shares) < NO_CHOICE:
            # All draws would be the cell itself, nearly, and p would be of differences among these.
            same = 100 * (1 - max(shares))
            return None, f"the match leaves no other units to draw: {same:.4g} % of a draw's are the cell's"
        asked = group.row.draws_asked
        look = Look(Looks.of(asked), len(group.matched)) if asked else None
        return self._among(group.matched, tasks, delta, boots, "matched draws", look)

    def searched(self, group: Group, tasks: Sequence[str], delta: float, boots: Floats) -> Compared:
        """The comparison with the best masks of random searches. Arguments are those of :meth:`matched`."""
        return self._among(group.searched, tasks, delta, boots, "random searches")

    def _among(
        self,
        rivals: Mapping[int | None, RowsByTask],
        tasks: Sequence[str],
        delta: float,
        boots: Floats,
        name: str,
        look: Look | None = None,
    ) -> Compared:
        """name, look: see :func:`against_draws`."""
        complete = [(rival, each) for rival in rivals.values() if (each := self._deltas_of(rival, tasks))]
        deltas = np.array([np.mean(each) for _, each in complete])
        drawn = np.array([self.draws.deltas(rival, tasks) for rival, _ in complete])
        # A stream of its own; the bootstrap and the permutations use streams 0 and 1.
        rng = np.random.default_rng([self.seed, 2])
        sign = self.stage.measure.sign
        try:
            return against_draws(sign * delta, sign * boots, sign * deltas, sign * drawn, rng, name, look), None
        except Undefined as reason:
            return None, str(reason)

    def _deltas_of(self, rows: RowsByTask, tasks: Sequence[str]) -> list[float]:
        """The delta on each of the tasks; empty if one of them has none."""
        deltas = [self.stage.delta_of(rows[task]) if task in rows else None for task in tasks]
        defined = [delta for delta in deltas if delta is not None]
        return defined if len(defined) == len(deltas) else []
