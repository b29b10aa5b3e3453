"""Queries and the texts that answer them, from the rows of a user's own table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ablate.data.queries import QuerySet
from ablate.errors import DataError


def queries_of(path: Path, lines: Sequence[int], texts: Sequence[tuple[str, ...]]) -> QuerySet:
    """One item for each query, with all its positives. The corpus is all positives of the table.

    A row that stands again, as in a log of searches, counts once.

    Args:
        lines: of each row, for errors.
        texts: a query and a positive for each row.

    Raises:
        DataError: a query is its own positive, or there is only one text to be found.
    """
    number: dict[str, int] = {}
    relevant: dict[str, dict[int, float]] = {}
    for line, (query, positive) in zip(lines, texts, strict=True):
        if query == positive:
            raise DataError(f"{path}:{line}: the query is its own positive, which any model finds; remove the row")
        relevant.setdefault(query, {})[number.setdefault(positive, len(number))] = 1.0
    if len(number) < 2:
        raise DataError(f"{path}: all rows have the same positive, which any model finds; add rows with others")
    queries, n = tuple((query,) for query in relevant), len(relevant)
    return QuerySet(
        "retrieval", "", path.name, queries, np.zeros(n), ("",) * n, tuple(number), tuple(relevant.values())
    )
