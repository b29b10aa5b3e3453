"""How many cells pass through a Dask cluster, by the size of their masks, if nothing is evaluated.

    python benchmarks/scale_dask.py [--items 100] [--cells 1000]

Two workers on this machine, with the executor that runs use. Prints a Markdown table: the bytes of a cell on the way to
a worker and back, and the processor time of this process, which is the coordinator and has the scheduler. Masks are
random bytes, whose making is subtracted.
"""

from __future__ import annotations

import argparse
import os
import pickle
import time
from collections.abc import Iterator

from scale_stubs import StubTask, stub

from ablate.data.sources import resolve
from ablate.executors.base import Evaluation, PackedMask, TaskToMeasure
from ablate.executors.dask import Dask
from ablate.granularities.unstructured import Unstructured
from ablate.models.model import Encoding
from ablate.models.spec import ModelSpec

UNITS = {"heads": 144, "neurons": 36_864, "single weights": 84_934_656}
"""Those of BERT-base."""

LARGE = 25
"""Of so many times fewer cells is the mask of single weights, which has 10.6 MB."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100, help="items of the task")
    parser.add_argument("--cells", type=int, default=1000)
    given = parser.parse_args()
    executor = Dask(jobs=2)
    print("| mask of | bytes to a worker | bytes back | processor ms a cell | cells |")
    print("|---|--:|--:|--:|--:|")
    with executor.running():
        list(executor.map(stub, evaluations(20, 144, given.items)))  # workers import what they need
        for name, units in UNITS.items():
            cells = given.cells // (LARGE if units > 1_000_000 else 1)
            start = time.process_time()
            one = list(evaluations(cells, units, given.items))[-1]
            made = time.process_time()
            passed = sum(1 for _ in executor.map(stub, evaluations(cells, units, given.items)))
            spent = (time.process_time() - made) - (made - start)
            there, back = len(pickle.dumps(one)), len(pickle.dumps(stub(one)))
            print(f"| {name} | {there:,} | {back:,} | {1000 * spent / passed:.1f} | {passed} |", flush=True)


def evaluations(cells: int, units: int, items: int) -> Iterator[Evaluation]:
    """Evaluations of distinct masks, on one task."""
    task, source = StubTask(items=items), resolve("embedded", os.environ).source
    wanted = (TaskToMeasure(task, task.version, task.load(source).hash),)
    granularity = Unstructured()
    for number in range(cells):
        mask = PackedMask(granularity, granularity.version, units, os.urandom(-(-units // 8)))
        cell, model = f"cell {number}", ModelSpec(name="stub")
        yield Evaluation(cell, model, "0" * 64, Encoding("mean", "", 128), (mask,), wanted, source)


if __name__ == "__main__":
    main()
