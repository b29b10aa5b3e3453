"""What racing spares, and what it loses, over several orders of the pairs: nothing is encoded.

    ablate run grid.yaml --store full.db                                  # without racing
    python benchmarks/racing.py grid.yaml --store full.db --orders 8

The store has the whole result of every cell. A race on it takes the values that its looks would have encoded.
"""

from __future__ import annotations

import argparse
from statistics import fmean

from ablate.coordinator.looks import sentences
from ablate.coordinator.race import race
from ablate.coordinator.run import prepare_model_run
from ablate.events import silent
from ablate.plan.choose import contests
from ablate.plan.job import prepare_job
from ablate.recipe.recipe import load_recipe
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded
from ablate.timing import Timings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--store", required=True)
    parser.add_argument("--orders", type=int, default=8)
    parser.add_argument("--set", action="append", default=[], help="as of ablate run")
    given = parser.parse_args()
    print("| order | in full | encoding | same best cell | most lost, points |\n|---|---|---|---|---|")
    with Store(given.store, create=False) as store:
        shares = [_order(given.recipe, given.set, seed, store) for seed in range(given.orders)]
    print(f"\nmean {100 * fmean(shares):.0f} % of the encoding")


def _order(recipe: str, overrides: list[str], seed: int, store: Store) -> float:
    racing = ["evaluate.racing=true", f"evaluate.racing_seed={seed}"]
    checked, document = load_recipe(recipe, [*overrides, *racing])
    job = prepare_job(checked, document)
    run = prepare_model_run(job, job.recipe.model[0], store, Timings(), silent)
    tasks = job.load(job.tasks.screen, run.calibration.seen)
    raced = race(job, run, tasks)
    _, *outcomes = run.outcomes("screen", job.plan.cells, tasks)
    score = {one.cell: fmean(_score(task, one.results[task.name].values) for task in tasks) for one in outcomes}
    lost = []
    for candidates in contests(job.plan):
        of_unit = {unit[0]: fmean(score[cell] for cell in unit) for unit in candidates}
        lost.append(max(of_unit.values()) - max(value for cell, value in of_unit.items() if cell in raced.left))
    every, cells = sentences(tasks, run.model), len(job.plan.cells)
    share = (raced.encoded + (1 + cells - raced.cells) * every) / ((1 + cells) * every)
    whole, same = cells - raced.cells + len(raced.left), f"{sum(not loss for loss in lost)} of {len(lost)}"
    print(f"| {seed} | {whole} of {cells} | {100 * share:.0f} % | {same} | {max(lost):.3f} |", flush=True)
    return share


def _score(task: Loaded, values: object) -> float:
    return task.task.score(task.data, values, task.kept)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
