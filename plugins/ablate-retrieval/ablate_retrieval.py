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
    Mean,
    PairSet,
    Source,
    Statistic,
    Task,
    Undefined,
    cells,
    hookimpl,
    read_lines,
    sentence,
)

ablate_api = 2

ACCURACY = Mean(scale=100)
FIELDS = ("query", "positive")
_ROWS = 1024


class Retrieval(Task):
    """The share of pairs whose positive is among the ``at`` texts nearest to its query by cosine, × 100.

    The texts are all positives of the file, without the query itself and its other positives. A text as near as the
    positive counts as nearer, so that a model that gives one embedding to all finds nothing.
    """

    name: ClassVar[str] = "retrieval"
    help: ClassVar[str] = "is a query's own text among the nearest? A file of queries and texts, test"
    split: ClassVar[str] = "test"
    metric: ClassVar[str] = "accuracy"
    unit: ClassVar[str] = "points"
    range: ClassVar[tuple[float, float]] = (0.0, 100.0)

    # Keys have the pairs themselves; the same file elsewhere is the same data.
    file: Path | None = Field(None, exclude=True, description="TSV or JSONL of queries and positives; has to be given")
    at: int = Field(1, ge=1, description="how many of the nearest texts count")

    def load(self, source: Source) -> PairSet:  # noqa: ARG002
        if self.file is None:
            raise DataError(f"task '{self.name}' has no file; give tasks: {{{self.name}: {{file: QUERIES.tsv}}}}")
        queries, positives = read_queries(self.file)
        count = len(set(positives))
        if self.at >= count:
            raise DataError(f"{self.file}: any of {count} texts is among the nearest {self.at}; lower at, or add texts")
        n = len(queries)
        return PairSet(self.name, self.split, self.file.name, queries, positives, np.full(n, 5.0), ("",) * n)

    def measure(self, data: PairSet, embeddings: Tensor) -> NDArray[np.float32]:
        """1 for each pair whose positive is found, else 0."""
        if not embeddings.isfinite().all():
            raise Undefined("the model's embeddings are not finite")
        unit = normalize(embeddings, dim=1)
        row = {text: i for i, text in enumerate(data.sentences)}
        texts = {text: i for i, text in enumerate(dict.fromkeys(data.right))}
        own = torch.tensor([texts[text] for text in data.right])
        aside = {query: {texts[query]} if query in texts else set() for query in data.left}
        for query, text in zip(data.left, own.tolist(), strict=True):
            aside[query].add(text)
        candidates = unit[[row[text] for text in texts]]
        found = torch.zeros(len(data))
        for start in range(0, len(data), _ROWS):
            queries = data.left[start : start + _ROWS]
            cosines = unit[[row[query] for query in queries]] @ candidates.T
            mine = cosines.gather(1, own[start : start + _ROWS, None])
            for i, query in enumerate(queries):
                cosines[i, list(aside[query])] = -torch.inf
            found[start : start + _ROWS] = ((cosines >= mine - EQUAL_WITHIN).sum(1) < self.at).float()
        values: NDArray[np.float32] = found.numpy()
        return values

    def score(self, data: PairSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        return self.statistic().value(values[kept], data.gold[kept])

    def statistic(self) -> Statistic:
        return ACCURACY


class RetrievalDev(Retrieval):
    """The same of a file that chooses."""

    name: ClassVar[str] = "retrieval-dev"
    help: ClassVar[str] = "is a query's own text among the nearest? A file of queries and texts, dev"
    split: ClassVar[str] = "dev"


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
        raise DataError(f"{place}: not JSON: {error}; mend the line") from None
    if not isinstance(found, dict):
        raise DataError(f'{place}: no JSON object; write {{"query": …, "positive": …}}')
    for name in FIELDS:
        if name not in found:
            there = ", ".join(sorted(found)) or "nothing"
            raise DataError(f"{place}: no '{name}' in the object, which has {there}; name its texts query and positive")
        if not isinstance(found[name], str):
            raise DataError(f"{place}: '{name}' is no text but {json.dumps(found[name])}; mend the line")
    return [found[name] for name in FIELDS]


@hookimpl
def ablate_register_tasks(register: Callable[[type[Task]], None]) -> None:
    for task in (Retrieval, RetrievalDev):
        register(task)
