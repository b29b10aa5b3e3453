"""A task of triplets keeps the contract of tasks, and goes through a run: one value an item, without what chose."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from ablate.data.calibration import calibrate
from ablate.data.items import pair_key
from ablate.data.senteval import SentEval
from ablate.plugin_api import ItemSet, Mean, Source, Statistic, Task
from ablate.plugins import Entry, registry
from ablate.store.store import Store
from ablate.testing import check_task
from tests.bench import Bench, make_bench, of, one, pairs, write_set

ACCURACY = Mean(scale=100)


class Triplets(Task):
    """The share of triplets whose positive is nearer to the anchor than the negative, × 100."""

    name: ClassVar[str] = "triplets"
    help: ClassVar[str] = "is the positive nearer than the negative? Test"
    split: ClassVar[str] = "test"
    metric: ClassVar[str] = "accuracy"
    unit: ClassVar[str] = "points"
    range: ClassVar[tuple[float, float]] = (0, 100)
    sets: ClassVar[tuple[str, ...]] = ("stsb", "stsb-train")

    def load(self, source: Source) -> ItemSet:
        """The pairs of the source's sets, with the second text of the pair before as the negative."""
        pairs = [pair for name in self.sets for pair in source.load(name).texts]
        texts = tuple((a, b, pairs[i - 1][1]) for i, (a, b) in enumerate(pairs))
        return ItemSet(self.name, self.split, source.label, texts, np.zeros(len(texts)), ("",) * len(texts))

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        unit = normalize(embeddings, dim=1)
        anchor, positive, negative = (unit[rows] for rows in data.rows(3))
        nearer: NDArray[np.bool_] = ((anchor * positive).sum(1) > (anchor * negative).sum(1)).numpy()
        return nearer.astype(np.float32)

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        return self.statistic().value(values[kept], data.gold[kept])

    def statistic(self) -> Statistic:
        return ACCURACY


class TripletsDev(Triplets):
    """The same of sets that may choose."""

    name: ClassVar[str] = "triplets-dev"
    split: ClassVar[str] = "dev"
    sets: ClassVar[tuple[str, ...]] = ("stsb-dev",)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    entries = [Entry("task", task, "stranger 1.0") for task in (Triplets, TripletsDev)]
    monkeypatch.setattr(registry(), "entries", [*registry().entries, *entries])
    return make_bench(tmp_path, monkeypatch)


@pytest.mark.parametrize("task", [Triplets, TripletsDev])
def test_it_keeps_the_contract(task: type[Task]) -> None:
    check_task(task)


def test_it_is_chosen_by_and_judged_on(bench: Bench) -> None:
    # Of 30 triplets dense has 5 wrong, which are too few to choose by.
    write_set(bench.data, "stsb-dev", pairs(1, 90))
    results = bench.run(
        scorers=["align", "magnitude"],
        screen=["triplets-dev"],
        confirm=["triplets", "stsb-dev"],
        statistics={"resamples": 200},
    )
    assert {row.status for row in of(results, task="triplets")} == {"ok"}
    source = SentEval(bench.data)
    calibration = calibrate(bench.recipe().calibration, [source.load("stsb-train")])
    clean = sum(
        calibration.seen.isdisjoint({pair_key(anchor, positive), pair_key(anchor, negative)})
        for anchor, positive, negative in Triplets().load(source).texts
    )
    dense = one(results, cell="dense", stage="confirm", task="triplets")
    assert (dense.n, dense.n_clean) == (100, clean)
    assert 40 < clean < 100
    # What chose as triplets has shown the pairs that it is made of.
    assert one(results, cell="dense", stage="confirm", task="stsb-dev").n_clean == 0
    evidence = [e for e in results.evidence if (e.task, e.scorer) == ("triplets", "magnitude")]
    assert {e.against for e in evidence} == {"dense", "matched"}
    assert all(e.low <= e.delta <= e.high for e in evidence)
    with Store(bench.store, create=False) as store:
        panel = store.get_panel(results.about.panels["confirm"]["triplets"])
        assert dense.result is not None
        values = store.get_results([dense.result])[dense.result].values
    assert panel is not None
    assert values is not None
    assert len(panel) == len(values) == len(np.unique(panel.cluster)) == 100
