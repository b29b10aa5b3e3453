"""Retrieval accuracy on a user's own file of queries and the texts that answer them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from ablate.plugin_api import (
    EQUAL_WITHIN,
    DataError,
    ItemSet,
    Mean,
    PluginError,
    QuerySet,
    Source,
    Statistic,
    Task,
    Undefined,
    cells,
    hookimpl,
    read_lines,
    sentence,
)

ablate_api = 3

ACCURACY = Mean(scale=100)
FIELDS = ("query", "positive")
_ROWS = 1024


class Retrieval(Task):
    """The share of lines whose positive is among the ``at`` texts nearest to its query by cosine, × 100.

    An item is a line: a query, and its positive as the one relevant document. The corpus is all positives of the file.
    The query's own text and the positives of its other lines do not compete. A text as near as the positive counts as
    nearer, so that a model that gives one embedding to all finds nothing.
    """

    name: ClassVar[str] = "retrieval"
    help: ClassVar[str] = "is a query's own text among the nearest? A file of queries and texts, test"
    split: ClassVar[str] = "test"
    metric: ClassVar[str] = "accuracy"
    unit: ClassVar[str] = "points"
    range: ClassVar[tuple[float, float]] = (0.0, 100.0)
    required: ClassVar[tuple[str, ...]] = ("file",)

    # Keys have the texts themselves; the same file elsewhere is the same data.
    file: Path | None = Field(None, exclude=True, description="TSV or JSONL of queries and positives")
    at: int = Field(1, ge=1, description="how many of the nearest texts count")

    def load(self, source: Source) -> QuerySet:  # noqa: ARG002
        if self.file is None:
            raise DataError(f"task '{self.name}' has no file; give tasks: {{{self.name}: {{file: QUERIES.tsv}}}}")
        queries, positives = read_queries(self.file)
        documents = tuple(dict.fromkeys(positives))
        if self.at >= len(documents):
            raise DataError(
                f"{self.file}: any of {len(documents)} texts is among the nearest {self.at}; lower at, or add texts"
            )
        number, n = {text: i for i, text in enumerate(documents)}, len(queries)
        relevant = tuple({number[positive]: 1.0} for positive in positives)
        texts = tuple((query,) for query in queries)
        return QuerySet(self.name, self.split, self.file.name, texts, np.zeros(n), ("",) * n, documents, relevant)

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        """1 for each item whose positive is found, else 0."""
        if not isinstance(data, QuerySet):
            raise PluginError(f"task '{self.name}': '{data.source}' has no queries with documents")
        if not embeddings.isfinite().all():
            raise Undefined("the model's embeddings are not finite")
        unit = normalize(embeddings, dim=1)
        (rows,) = data.rows(1)
        queries, candidates = unit[rows], unit[data.document_rows]
        positives = torch.tensor([number for grades in data.relevant for number in grades])
        aside = _aside(data)
        found = torch.zeros(len(data))
        for start in range(0, len(data), _ROWS):
            block = slice(start, start + _ROWS)
            cosines = queries[block] @ candidates.T
            mine = cosines.gather(1, positives[block, None])
            for i, (query,) in enumerate(data.texts[block]):
                cosines[i, list(aside[query])] = -torch.inf
            found[block] = ((cosines >= mine - EQUAL_WITHIN).sum(1) < self.at).float()
        values: NDArray[np.float32] = found.numpy()
        return values

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        return self.statistic().value(values[kept], data.gold[kept])

    def statistic(self) -> Statistic:
        return ACCURACY


class RetrievalDev(Retrieval):
    """The same of a file that chooses."""

    name: ClassVar[str] = "retrieval-dev"
    help: ClassVar[str] = "is a query's own text among the nearest? A file of queries and texts, dev"
    split: ClassVar[str] = "dev"


def _aside(data: QuerySet) -> dict[str, set[int]]:
    """The documents that do not compete for each query: its positives, and its own text where that is a document."""
    number = {text: i for i, text in enumerate(data.documents)}
    aside = {query: {number[query]} if query in number else set() for (query,) in data.texts}
    for (query,), grades in zip(data.texts, data.relevant, strict=True):
        aside[query].update(grades)
    return aside


def read_queries(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Reads queries and their positives: two tab-separated columns, or (``.jsonl``) objects with :data:`FIELDS`.

    Runs of white space become one space.

    Raises:
        DataError: with path and line; the file is absent, empty, not UTF-8 or cut short, or a line is malformed or
            stands twice.
    """
    parse = _object if path.suffix == ".jsonl" else _columns
    first: dict[tuple[str, str], int] = {}
    for number, line in enumerate(read_lines(path), 1):
        place = f"{path}:{number}"
        query, positive = (sentence(text, place) for text in parse(line, place))
        if query == positive:
            raise DataError(f"{place}: the query is its own positive, which any model finds; leave the line out")
        if (query, positive) in first:
            raise DataError(f"{place}: the same pair as in line {first[query, positive]}; leave one of them out")
        first[query, positive] = number
    queries, positives = zip(*first, strict=True)
    return queries, positives


def _columns(line: str, place: str) -> list[str]:
    return cells(line, 2, place)


def _object(line: str, place: str) -> list[str]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: not JSON: {error}; correct the line") from None
    if not isinstance(found, dict):
        raise DataError(f'{place}: no JSON object; write {{"query": …, "positive": …}}')
    for name in FIELDS:
        if name not in found:
            there = ", ".join(sorted(found)) or "nothing"
            raise DataError(f"{place}: no '{name}' in the object, which has {there}; name its texts query and positive")
        if not isinstance(found[name], str):
            raise DataError(f"{place}: '{name}' is no text but {json.dumps(found[name])}; correct the line")
    return [found[name] for name in FIELDS]


@hookimpl
def ablate_register_tasks(register: Callable[[type[Task]], None]) -> None:
    for task in (Retrieval, RetrievalDev):
        register(task)
