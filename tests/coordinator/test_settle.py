"""From an evaluation to an outcome: whom a failure is blamed on."""

from __future__ import annotations

from pathlib import Path

from ablate.coordinator.cell_work import CellWork
from ablate.coordinator.settle import Settler
from ablate.executors.base import Evaluated, Failure
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.plan.plan import Cell, Step
from ablate.scorers.magnitude import Magnitude
from ablate.store.store import Store
from ablate.timing import Timings


def test_a_mask_of_a_step_of_several_granularities_that_fails_costs_its_cell_alone(tmp_path: Path) -> None:
    step = Step(((Head(), 0.5), (Neuron(), 0.25)), Magnitude(), "magnitude", "global", None, 1)
    evaluated = Evaluated("key", {}, {"stsb-dev": Failure("ValueError: no such column", "mask")}, 0.0)
    with Store(tmp_path / "ablate.db") as store:
        work = CellWork(Cell((step,)), "key", keys={"stsb-dev": "result"})
        outcome = Settler(store, Timings(), keep_going=True).settle(work, evaluated)
    assert outcome.failures == {"stsb-dev": "ValueError: no such column"}
