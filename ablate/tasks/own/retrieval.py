"""Kind ``retrieval``: a user's own queries and the documents that answer them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from ablate.data.beir import is_beir
from ablate.data.items import ItemSet
from ablate.data.own import OwnFile, read_own
from ablate.data.queries import QuerySet
from ablate.errors import DataError, PluginError, Undefined
from ablate.statistics.metric import EQUAL_WITHIN, Statistic
from ablate.tasks.own.base import PERCENT, Columns, OwnTask

_CELLS = 1 << 24
"""Cosines in memory at a time."""

_NAMES = {"ndcg": "nDCG", "mrr": "MRR", "recall": "recall", "accuracy": "accuracy"}


class RetrievalColumns(Columns):
    """Which column is what; those without a name are guessed."""

    query: str | None = None
    positive: str | None = None


class OwnRetrieval(OwnTask):
    """Are the relevant documents among the ``at`` nearest to their query by cosine? The mean over queries, × 100.

    ``ndcg``: nDCG with the grades as gains (Järvelin and Kekäläinen 2002), as pytrec_eval and BEIR have it. ``mrr``: 1
    by the rank of the first relevant document. ``recall``: the share of the relevant documents. ``accuracy``: whether
    any is there. A document with the query's own text does not compete, unless it is relevant. One that is as near as
    a relevant one counts as nearer, so that a model that gives one embedding to all finds nothing.
    """

    help: ClassVar[str] = "your own queries and documents"
    unit: ClassVar[str] = "points"
    range: ClassVar[tuple[float, float]] = (0, 100)
    per_item: ClassVar[bool] = False
    has_pairs: ClassVar[bool] = True

    kind: Literal["retrieval"] = "retrieval"
    columns: RetrievalColumns = Field(RetrievalColumns(), exclude=True)
    file: Path | None = Field(None, exclude=True, description="CSV, TSV, JSONL, Parquet, or a BEIR folder")
    qrels: str | None = Field(None, exclude=True, description="which qrels of a BEIR folder; by default, split")
    own_metric: Literal["ndcg", "mrr", "recall", "accuracy"] = Field("ndcg", alias="metric", description="the measure")
    at: int = Field(10, ge=1, description="how many of the nearest documents count")

    @classmethod
    def measured_by(cls, given: Mapping[str, Any]) -> str:
        metric = str(given.get("metric", "ndcg"))
        return f"{_NAMES.get(metric, metric)}@{given.get('at', 10)}"

    def opened(self, path: Path) -> OwnFile:
        qrels = (self.qrels or self.split) if is_beir(path) else self.qrels
        return read_own(path, self.kind, self.columns.model_dump(exclude_none=True), qrels)

    def load(self, source: Any) -> ItemSet:
        data = super().load(source)
        assert isinstance(data, QuerySet)
        if self.own_metric in ("recall", "accuracy") and self.at >= len(data.documents):
            raise DataError(
                f"{self.file}: any of {len(data.documents)} documents is among the nearest {self.at}; lower at, or add "
                "documents"
            )
        return data

    def pairs_of(self, items: ItemSet) -> ItemSet:
        """Each query with each of its relevant documents, with gold 5."""
        assert isinstance(items, QuerySet)
        rows = [
            ((query, items.documents[number]), 5.0, "")
            for (query,), grades in zip(items.texts, items.relevant, strict=True)
            for number in grades
        ]
        return ItemSet.from_rows(items.name, items.split, items.source, rows)

    def scale(self) -> str:
        return "a query and a relevant document count as 5"

    def resolved(self) -> dict[str, Any]:
        return {**super().resolved(), "qrels": self.read().qrels}

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        if not isinstance(data, QuerySet):
            raise PluginError(f"task '{self.name}': '{data.source}' has no queries with documents")
        if not embeddings.isfinite().all():
            raise Undefined("the model's embeddings are not finite")
        queries = normalize(embeddings[data.rows(1)[0]], dim=1)
        documents = normalize(embeddings[data.document_rows], dim=1)
        own: dict[str, list[int]] = {}
        for number, text in enumerate(data.documents):
            own.setdefault(text, []).append(number)
        most, found = min(self.at, len(documents)), np.empty(len(data), np.float32)
        for start in range(0, len(data), rows := max(1, _CELLS // len(documents))):
            block = slice(start, start + rows)
            cosines = queries[block] @ documents.T
            items = list(zip(data.texts[block], data.relevant[block], strict=True))
            relevant = [row[list(grades)].numpy() for row, (_, grades) in zip(cosines, items, strict=True)]
            for row, ((query,), grades) in zip(cosines, items, strict=True):
                row[[*grades, *own.get(query, ())]] = -torch.inf
            rivals = cosines.topk(most, dim=1).values.numpy()
            for i, (mine, others, (_, grades)) in enumerate(zip(relevant, rivals, items, strict=True)):
                found[start + i] = self._value(*_ranked(mine, np.array(list(grades.values())), others))
        return found

    def _value(self, ranks: NDArray[np.intp], grades: NDArray[np.float64]) -> float:
        """The value of a query. ranks, grades: of its relevant documents, nearest first."""
        among = ranks <= self.at
        if self.own_metric == "ndcg":
            ideal = np.sort(grades)[::-1][: self.at]
            best = (ideal / np.log2(np.arange(2, len(ideal) + 2))).sum()
            return float((grades[among] / np.log2(ranks[among] + 1)).sum() / best)
        if self.own_metric == "mrr":
            return float(among[0] / ranks[0])
        return float(among.mean() if self.own_metric == "recall" else among.any())

    def statistic(self) -> Statistic:
        return PERCENT


def _ranked(
    mine: NDArray[np.float32], grades: NDArray[np.float64], rivals: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The ranks of a query's relevant documents, from 1 and ascending, and the grade of each.

    A rank that is higher than the number of rivals is a lower bound. Of relevant documents that are equally near, those
    with lower grades come first.

    Args:
        mine, grades: the cosine and the grade of each relevant document.
        rivals: the highest cosines of the other documents.
    """
    order = np.lexsort((grades, -mine))
    nearer = (rivals[None, :] >= mine[order, None] - EQUAL_WITHIN).sum(1)
    return np.arange(1, len(order) + 1) + nearer, grades[order]
