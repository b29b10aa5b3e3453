"""Semantic textual similarity: do cosines of embeddings rank pairs of sentences as people do?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from ablate.data.items import ItemSet
from ablate.data.names import FAMILIES
from ablate.statistics.metric import SPEARMAN, Statistic
from ablate.tasks.base import Task


def cosines(data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
    """The cosine of the two texts of each pair."""
    unit = normalize(embeddings, dim=1)
    left, right = (unit[rows] for rows in data.rows(2))
    found: NDArray[np.float32] = (left * right).sum(1).numpy()
    return found


class Sts(Task):
    """Spearman's rank correlation of cosine and gold, × 100, over all pairs of all subsets together.

    This is SentEval's ``all`` setting, which SimCSE and most later papers report.
    """

    metric: ClassVar[str] = "spearman"
    unit: ClassVar[str] = "points"
    range: ClassVar[tuple[float, float]] = (-100, 100)
    per_item: ClassVar[bool] = True

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        return cosines(data, embeddings)

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        return self.statistic().value(values[kept], data.gold[kept])

    def statistic(self) -> Statistic:
        return SPEARMAN


def _task(dataset: str, dataset_split: str, text: str) -> type[Sts]:
    name = dataset.title().replace("-", "")
    members = {"name": dataset, "split": dataset_split, "help": text, "family": FAMILIES.get(dataset, "")}
    return type(name, (Sts,), {**members, "__module__": __name__, "__doc__": text})


STS_TASKS = (
    *(_task(f"sts{year}", "test", f"SemEval 20{year} STS") for year in range(12, 17)),
    _task("stsb", "test", "STS Benchmark, test"),
    _task("stsb-dev", "dev", "STS Benchmark, dev"),
    _task("stsb-train", "train", "STS Benchmark, train"),
    _task("sickr", "test", "SICK relatedness, test"),
    _task("sickr-dev", "dev", "SICK relatedness, trial split"),
    _task("sickr-train", "train", "SICK relatedness, train"),
    _task("synthetic", "test", "embedded (synthetic), test"),
    _task("synthetic-dev", "dev", "embedded (synthetic), dev"),
    _task("synthetic-train", "train", "embedded (synthetic), train"),
)

# A class can be pickled for another process only if its module has an attribute of its name.
globals().update({task.__name__: task for task in STS_TASKS})
