"""Which gain a user's own file can show, measured with a model on the file's items before there is any run."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import median

import numpy as np

from ablate.data.embedded import Embedded
from ablate.data.items import ItemSet
from ablate.data.own import OwnFile
from ablate.engine.evaluator import Evaluator
from ablate.errors import DataError, Undefined
from ablate.granularities.head import Head
from ablate.granularities.units import Units
from ablate.models.device import resolve
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.statistics.one_test import OneTest, one_test
from ablate.statistics.resample import Judged
from ablate.tasks.loaded import Loaded, panel_of
from ablate.tasks.own import own_task

SHARE, DRAWS = 0.05, 5
ITEMS = 1000
"""Of a larger file so many items are measured on. Standard errors fall with the root of their number."""

RESAMPLES, LEVEL, SEED = 2000, 0.05, 0


@dataclass(frozen=True)
class PowerOfFile:
    """What a file can show with a model.

    dense: the model's score. unit: of it.
    se: of Δ, for the whole file; the median over random removals of heads.
    gain: the smallest gain that is shown with 80 % power; None if none is.
    removed, heads: how many heads of how many each of the draws removed.
    measured, items: on how many of the items it was measured.
    """

    model: str
    dense: float
    unit: str
    se: float
    gain: float | None
    removed: int
    heads: int
    measured: int
    items: int

    def __str__(self) -> str:
        scaled = f", scaled from {self.measured:,} items" if self.measured < self.items else ""
        shown = "no gain" if self.gain is None else f"gains of about {self.gain:.2g} {self.unit} or more"
        return (
            f"{shown} can be shown (80 % power, one test at {LEVEL:g}): between {self.model}, which has "
            f"{self.dense:.1f}, and itself without {self.removed} of {self.heads} heads, at random, the standard error "
            f"of Δ is {self.se:.2g} (median of {DRAWS} draws{scaled})"
        )


def power_of_file(file: OwnFile, kind: str, spec: ModelSpec) -> PowerOfFile:
    """Measures what a file can show.

    Raises:
        ModelError: the model cannot be loaded.
        DataError: dense has no score on these items, or each draw equals dense.
    """
    model = load_model(spec, resolve("auto"))
    given = {"kind": kind, "file": file.path, "columns": dict(file.columns)}
    given |= {"qrels": file.qrels} if file.qrels else {}
    task = own_task("checked", given)(**given)
    # As a run has them: those of some kinds are more than the rows of the file.
    data = task.load(Embedded())
    count = len(data)
    if count > ITEMS and type(data) is ItemSet:  # of other sets, no part can be measured
        chosen = np.zeros(count, bool)
        chosen[np.random.default_rng(SEED).choice(count, ITEMS, replace=False)] = True
        data = data.only(chosen)
    loaded = Loaded(task, data, np.ones(len(data), bool))
    evaluator, head = Evaluator(model), Head()
    heads = len(head.layers(model))
    removed = max(1, round(SHARE * heads))
    dense = evaluator.evaluate({}, [loaded])[loaded.name]
    if dense.score is None or dense.values is None:
        raise DataError(f"{file.path}: {dense.reason}")
    judged, tests = Judged(panel_of(loaded), task.statistic()), list[OneTest]()
    for draw in range(DRAWS):
        mask = np.ones(heads, bool)
        mask[np.random.default_rng(draw).choice(heads, removed, replace=False)] = False
        without = evaluator.evaluate(Units().with_mask(head, mask).keep(model), [loaded])[loaded.name]
        try:
            if without.values is not None:
                tests.append(one_test(judged, dense.values, without.values, RESAMPLES, SEED, LEVEL))
        except Undefined:
            continue
    if not tests:
        raise DataError(f"{file.path}: too few items for any test")
    shrink = sqrt(len(data) / count)
    if not any(test.se for test in tests):
        raise DataError(
            f"{file.path}: its {count:,} items have the same values with and without heads, so they show no gain; add "
            "more"
        )
    gains = [test.gain for test in tests]
    known = [gain for gain in gains if gain is not None]
    return PowerOfFile(
        model=spec.name,
        dense=dense.score,
        unit=task.unit,
        se=shrink * median(test.se for test in tests),
        gain=shrink * median(known) if len(known) == len(gains) else None,
        removed=removed,
        heads=heads,
        measured=len(data),
        items=count,
    )
