"""Kind ``clustering``: a user's own texts with classes, which k-means should find."""

from __future__ import annotations

import warnings
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ablate.data.clusters import ClusteredSet, in_sets
from ablate.data.items import ItemSet, Source
from ablate.errors import DataError, PluginError, Undefined
from ablate.statistics.metric import Statistic
from ablate.statistics.set_mean import SetMean
from ablate.tasks.own.base import Columns, OwnTask

LEAST = 3
"""Texts of each class that a set has, on average. With fewer, clusters at random have a high V-measure."""

FEWEST_SETS = 10
"""The unit of intervals and tests is a set."""

_BATCH = 500
"""Of MTEB's k-means."""


class ClusteringColumns(Columns):
    """Which column is what; those without a name are guessed."""

    text: str | None = None
    label: str | None = None


class OwnClustering(OwnTask):
    """V-measure (Rosenberg and Hirschberg 2007), × 100: do the clusters of k-means agree with the classes?

    The texts are divided into seeded sets, and each set is clustered by itself, with as many clusters as it has
    classes, by the MiniBatchKMeans of MTEB's ``ClusteringEvaluator``. The score is the mean over sets, weighted by
    their sizes. The value of an item is the V-measure of its set, and the set is what intervals and tests resample. On
    one clustering of all texts, no test over texts has its size: see docs/own-data.md.
    """

    help: ClassVar[str] = "your own texts with classes, to be clustered"
    metric: ClassVar[str] = "V-measure"
    unit: ClassVar[str] = "points"
    range: ClassVar[tuple[float, float]] = (0, 100)
    per_item: ClassVar[bool] = False

    kind: Literal["clustering"] = "clustering"
    columns: ClusteringColumns = Field(ClusteringColumns(), exclude=True)
    sets: int = Field(20, ge=FEWEST_SETS, description="how many sets, each clustered by itself")
    seed: int = Field(42, ge=0, description="of the sets and of k-means; 42 is MTEB's")

    def load(self, source: Source) -> ItemSet:  # noqa: ARG002
        """The texts in their sets.

        Raises:
            DataError: the file is malformed, or there are too few texts for its classes and sets.
        """
        file, items = self.read(), self.items()
        classes = len(np.unique(items.gold))
        needed = LEAST * classes
        if len(items) < needed * self.sets:
            most = len(items) // needed
            remedy = f"lower sets to {most}" if most >= FEWEST_SETS else "add texts, or join classes"
            raise DataError(
                f"{file.path}: {len(items):,} texts of {classes:,} classes are too few for {self.sets} sets, "
                f"which need {needed * self.sets:,}; {remedy}"
            )
        number = in_sets(items.texts, self.sets, self.seed)
        return ClusteredSet(items.name, items.split, items.source, items.texts, items.gold, items.subsets, number)

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        if not isinstance(data, ClusteredSet):
            raise PluginError(f"task '{self.name}': '{data.source}' is not divided into sets")
        if not embeddings.isfinite().all():
            raise Undefined("the model's embeddings are not finite")
        of_texts = embeddings[data.rows(1)[0]].numpy()
        found = np.empty(len(data), np.float32)
        for number in np.unique(data.number):
            members = data.number == number
            found[members] = v_measure(of_texts[members], data.gold[members], self.seed)
        return found

    def statistic(self) -> Statistic:
        return SetMean(self.sets)


def v_measure(embeddings: NDArray[np.float32], classes: NDArray[np.float64], seed: int) -> float:
    """The V-measure of a set, 0 to 1, as MTEB has it; 1 if all its texts are of one class."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import v_measure_score

    count = len(np.unique(classes))
    if count == 1:
        return 1.0
    model = MiniBatchKMeans(n_clusters=count, batch_size=_BATCH, n_init="auto", random_state=seed)
    with warnings.catch_warnings():
        # Fewer clusters than classes, where embeddings are equal: V-measure says so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = model.fit(embeddings).labels_
    return float(v_measure_score(classes, clusters))
