"""One cell of a finished run, for Python: its rows, evidence, mask, contributions, and the values of its items."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ablate.errors import AblateError, StoreError, suggest
from ablate.record import Evidence, Row, RunRecord
from ablate.report.unit_values import UnitValues

if TYPE_CHECKING:
    from ablate.report.stored_cell import Exportable


@dataclass(frozen=True, eq=False)
class ItemValues:
    """What a cell and dense have for each item of a task, such as the similarity of each pair; float32 [n].

    gold: float64 [n], the gold scores. clean: bool [n], False for items that calibration or choice has seen.
    """

    task: str
    cell: NDArray[np.float32]
    dense: NDArray[np.float32]
    gold: NDArray[np.float64]
    clean: NDArray[np.bool_]


@dataclass(frozen=True)
class CellResult:
    """One cell of a run. What rows do not have is read from the run's store when it is first asked for.

    name: as in tables, or as in rows for one seed of several. key: 16 hexadecimal digits.
    rows: one for each stage and task, without those of its controls.
    """

    name: str
    key: str
    rows: tuple[Row, ...]
    record: RunRecord = field(repr=False, compare=False)

    @property
    def model(self) -> str:
        """The name of its model in the run."""
        return self.rows[0].model

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The comparisons of this cell, all its seeds together, with dense and with controls."""
        return tuple(one for one in self.record.evidence if one.model == self.model and one.cell == self.name)

    @property
    def verdict(self) -> str | None:
        """That on the mean over the tasks of its last stage, with the tasks that are harmed; None if not judged."""
        last = self.rows[-1]
        return last.mean_verdict or last.verdict

    @property
    def mask(self) -> dict[str, UnitValues]:
        """Which units it keeps: granularity -> a bool for each unit.

        Raises:
            AblateError: the store lacks the mask, or the model has changed since the run.
        """
        from ablate.granularities.units import Units
        from ablate.plugins import registry
        from ablate.recipe.recorded import recorded_recipe
        from ablate.report.stored_cell import granularities_of

        stored = self.stored
        known = granularities_of(recorded_recipe(self.record.about.recipe), registry())
        units = Units.of(stored.mask.units, known)
        return {
            granularity.name: UnitValues.of(granularity, stored.model, units.masks[name])
            for name, granularity in units.granularities.items()
        }

    @cached_property
    def stored(self) -> Exportable:
        """The cell with its mask and its model, as `ablate export` reads them from the store."""
        from ablate.plugins import registry
        from ablate.report.stored_cell import exportable
        from ablate.store.store import Store

        with Store(self.record.about.store, create=False) as store:
            return exportable(self.record, store, registry(), self.key)

    @property
    def contributions(self) -> dict[str, UnitValues]:
        """The contributions by which its first step ranks the dense model's units: granularity -> a float32 for each.

        They are read from the store, or scored again where they are faster to score.

        Raises:
            AblateError: the model or the calibration set is not that of the run any more.
        """
        from ablate.report.stored_contributions import contributions

        return contributions(self.record, self.model, self.key, self.name)

    def pairs(self, task: str) -> ItemValues:
        """The values of a task's items, of the cell and of dense.

        Raises:
            AblateError: the cell was not evaluated on the task, it has no values, or the store lacks them.
        """
        from ablate.store.store import Store

        rows = {row.task: row for row in self.rows}
        if task not in rows:
            raise AblateError(f"'{self.name}' was not evaluated on '{task}'; {suggest(task, rows)}")
        row = rows[task]
        dense = next(
            one
            for one in self.record.rows
            if (one.cell, one.model, one.stage, one.task) == ("dense", self.model, row.stage, task)
        )
        with Store(self.record.about.store, create=False) as store:
            results = store.get_results([key for key in (row.result, dense.result) if key is not None])
            panel = store.get_panel(self.record.about.panels[row.stage][task])
        values = [results[key].values if key in results else None for key in (row.result, dense.result)]
        if values[0] is None or values[1] is None or panel is None:
            why = row.reason or "the store has none"
            raise StoreError(f"'{self.name}' has no values of the items of '{task}': {why}")
        return ItemValues(task, values[0], values[1], panel.gold, panel.kept)
