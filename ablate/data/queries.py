"""Queries with the documents that answer them, on which retrieval is measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ablate.data.items import ItemSet, PairKey, Role, compared_pairs
from ablate.errors import DataError


@dataclass(frozen=True)
class QuerySet(ItemSet):
    """``n`` queries, and the corpus in which all of them are searched.

    texts: the query of each item, a tuple of one text. A query may occur in several items, which are one cluster.
    documents: the corpus. It is held once, and items refer to a document by its number, from 0.
    relevant: the documents that answer each query, length n: number -> grade, above 0 (1 where there are no grades).

    Raises:
        DataError: an item is not a single text, has no relevant document, or refers to one that is not in the corpus.
    """

    documents: tuple[str, ...]
    relevant: tuple[Mapping[int, float], ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.columns(1)
        for (query,), grades in zip(self.texts, self.relevant, strict=True):
            if not grades:
                raise DataError(f"'{self.name}': the query '{query}' has no relevant document; leave it out")
            for number, grade in grades.items():
                if not (0 <= number < len(self.documents) and grade > 0):
                    raise DataError(
                        f"'{self.name}': the query '{query}' refers to document {number} with grade {grade:g}; numbers "
                        f"are 0 to {len(self.documents) - 1}, and grades are above 0"
                    )

    def only(self, items: NDArray[np.bool_]) -> QuerySet:
        """The set of the queries that ``items``, bool [n], marks, in the whole corpus; with a hash of its own."""
        chosen = np.flatnonzero(items).tolist()
        return replace(
            self,
            texts=tuple(self.texts[i] for i in chosen),
            gold=self.gold[chosen],
            subsets=tuple(self.subsets[i] for i in chosen),
            relevant=tuple(self.relevant[i] for i in chosen),
        )

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The distinct queries, then the distinct documents: what a model has to embed. Some texts may be both."""
        return (*self._queries, *dict.fromkeys(self.documents))

    @cached_property
    def roles(self) -> tuple[Role, ...]:
        """The role of each of :attr:`sentences`."""
        queries = len(self._queries)
        return tuple("query" if row < queries else "document" for row in range(len(self.sentences)))

    def rows(self, count: int) -> tuple[NDArray[np.intp], ...]:
        """The position of each query, as a query, in :attr:`sentences`: one array, int [n]."""
        (queries,) = self.columns(count)
        row = {sentence: i for i, sentence in enumerate(self._queries)}
        return (np.array([row[query] for query in queries], np.intp),)

    @cached_property
    def document_rows(self) -> NDArray[np.intp]:
        """The position of each document, as a document, in :attr:`sentences`, int [documents]."""
        start = len(self._queries)
        row = {sentence: i for i, sentence in enumerate(self.sentences[start:], start)}
        return np.array([row[document] for document in self.documents], np.intp)

    @cached_property
    def _queries(self) -> tuple[str, ...]:
        # Not `super().sentences`, which once cached is that of this class.
        return tuple(dict.fromkeys(self.columns(1)[0]))

    @cached_property
    def compared(self) -> tuple[tuple[PairKey, ...], ...]:
        """Each query with itself, and with each of its relevant documents."""
        return tuple((*compared_pairs(texts[:1]), *compared_pairs(texts)) for texts in self.texts_compared)

    @cached_property
    def hash(self) -> str:
        """sha256 of the queries, documents and grades."""
        content = [super().hash, self.documents, [sorted(grades.items()) for grades in self.relevant]]
        return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()

    @property
    def texts_compared(self) -> tuple[tuple[str, ...], ...]:
        both = zip(self.texts, self.relevant, strict=True)
        return tuple((*texts, *(self.documents[number] for number in grades)) for texts, grades in both)
