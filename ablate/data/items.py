"""Sets of items. Every data source returns them, and every task measures on one.

An item is a single text, a pair, a triplet (an anchor, a positive and a negative), or a query with its documents
(:class:`~ablate.data.queries.QuerySet`). It has one value, however many texts it has. One rule holds for all kinds;
texts are compared after :func:`normalize`.

* **Key**: the texts of an item: those of a pair in any order; the anchor of a triplet first, then the other two in any
  order. A single text counts as a pair with itself. Of a query only the query counts, since queries share documents.
* **Cluster**: items with the same key, in all tasks of a run. Intervals and tests resample whole clusters.
* **Overlap**: an item compares its first text with each of its other texts, a single text with itself, and a query with
  itself and with each of its relevant documents. It counts as seen when any pair that it compares has been seen,
  because each such pair affects the item's value. For example, a triplet is no longer clean once calibration has drawn
  its anchor and positive as a pair. For a single text or a pair, the one pair compared equals the key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ablate.errors import DataError

Key = tuple[str, ...]
"""An item's normalized texts: two, or the three of a triplet."""

PairKey = tuple[str, str]
"""The normalized texts of a pair, in alphabetical order."""

Role = Literal["query", "document"]
"""What a text is where a task tells both apart, as in retrieval."""

ItemRow = tuple[tuple[str, ...], float, str]
"""An item as it is read from a file: its texts, its gold and its subset."""

KINDS = {1: "single texts", 2: "pairs", 3: "triplets"}
"""The name of items with one, two or three texts."""

_NOT_WORD = re.compile(r"[\W_]+")


def normalize(text: str) -> str:
    """The form in which texts are compared for overlap: lower case, letters and digits only.

    So two copies of a sentence that are tokenized differently count as the same.
    """
    return _NOT_WORD.sub("", text.lower())


def pair_key(left: str, right: str) -> PairKey:
    """One key for a pair and its reverse, after :func:`normalize`."""
    a, b = sorted((normalize(left), normalize(right)))
    return a, b


def item_key(texts: tuple[str, ...]) -> Key:
    """The key of an item of one to three texts."""
    if len(texts) == 3:
        anchor, positive, negative = texts
        return (normalize(anchor), *pair_key(positive, negative))
    return pair_key(texts[0], texts[-1])


def compared_pairs(texts: tuple[str, ...]) -> tuple[PairKey, ...]:
    """The pairs that an item of one to three texts compares: its first text with each other one, or with itself."""
    first, *others = texts
    return tuple(pair_key(first, other) for other in others or (first,))


@dataclass(frozen=True)
class ItemSet:
    """One split of one data set: ``n`` items.

    name: the data set's name, as tasks and recipes give it (``sts12``, ``stsb-dev``).
    split: ``train``, ``dev`` or ``test``.
    source: the label of the source that it came from, shown wherever a score is.
    texts: the texts of each item, length n; one, two or three, the same number for all items of a set.
    gold: float64 [n], the human (or constructed) judgment of each item: the similarity of a pair, 0 (unrelated) to 5
        (the same), or a class. Zeros where there is none.
    subsets: the name of the part that each item belongs to, length n.
    deviation: how the numbers of items differ from those of the published set of this name, such as ``300 pairs, and
        the standard set has 1,500``; empty where they do not, and where no set is published. Not part of the hash.

    Raises:
        DataError: the items do not all have one, two or three texts.
    """

    name: str
    split: str
    source: str
    texts: tuple[tuple[str, ...], ...]
    gold: NDArray[np.float64]
    subsets: tuple[str, ...]
    deviation: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        numbers = set(map(len, self.texts))
        if len(numbers) > 1 or not numbers <= set(KINDS):
            counts = ", ".join(map(str, sorted(numbers)))
            raise DataError(f"'{self.name}' has items of {counts} texts; give all items of a set one, two or three")

    @classmethod
    def from_rows(cls, name: str, split: str, source: str, rows: Sequence[ItemRow], **fields: Any) -> Self:
        """A set of at least one item. fields: the further fields of a subclass."""
        texts, gold, subsets = zip(*rows, strict=True)
        return cls(name, split, source, texts, np.array(gold, np.float64), subsets, **fields)

    def __len__(self) -> int:
        return len(self.texts)

    def only(self, items: NDArray[np.bool_]) -> ItemSet:
        """The set of the items that ``items``, bool [n], marks, with a hash of its own.

        Raises:
            DataError: the items are not all that the set has, as where queries share documents.
        """
        if type(self) is not ItemSet:
            raise DataError(f"'{self.name}' has more than its items, and cannot be measured on a part of them")
        chosen = np.flatnonzero(items).tolist()
        return ItemSet(
            self.name,
            self.split,
            self.source,
            tuple(self.texts[i] for i in chosen),
            self.gold[chosen],
            tuple(self.subsets[i] for i in chosen),
            deviation=self.deviation,
        )

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The distinct texts, in order of first appearance, item by item: what a model has to embed."""
        return tuple(dict.fromkeys(text for texts in self.texts for text in texts))

    @property
    def roles(self) -> tuple[Role, ...]:
        """The role of each of :attr:`sentences`; empty where texts have none, as here.

        A model with prompts for roles encodes each text with that of its role. A sentence with two roles is in
        :attr:`sentences` twice, once with each. The hash of a set with roles covers what they follow from.
        """
        return ()

    def columns(self, count: int) -> tuple[tuple[str, ...], ...]:
        """The first texts of all items, the second ones and so on: ``count`` columns of length n.

        Raises:
            DataError: the items do not have ``count`` texts.
        """
        if self.texts and len(self.texts[0]) != count:
            raise DataError(f"'{self.name}' has {KINDS[len(self.texts[0])]}, and {KINDS[count]} are needed")
        return tuple(zip(*self.texts, strict=True)) or ((),) * count

    def rows(self, count: int) -> tuple[NDArray[np.intp], ...]:
        """The positions in :attr:`sentences` of the texts of :meth:`columns`: ``count`` arrays, int [n].

        ``left, right = (embeddings[rows] for rows in data.rows(2))`` are the embeddings of pairs.

        Raises:
            DataError: the items do not have ``count`` texts.
        """
        row = {sentence: i for i, sentence in enumerate(self.sentences)}
        return tuple(np.array([row[text] for text in column], np.intp) for column in self.columns(count))

    @cached_property
    def left(self) -> tuple[str, ...]:
        """The first text of each pair. Raises DataError: the items are not pairs."""
        return self.columns(2)[0]

    @cached_property
    def right(self) -> tuple[str, ...]:
        """The second text of each pair. Raises DataError: the items are not pairs."""
        return self.columns(2)[1]

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """The key of each item: items with the same key are one cluster."""
        return tuple(item_key(texts) for texts in self.texts)

    @cached_property
    def compared(self) -> tuple[tuple[PairKey, ...], ...]:
        """The pairs that each item compares, by which overlap is decided."""
        return tuple(compared_pairs(texts) for texts in self.texts_compared)

    @property
    def linked(self) -> tuple[tuple[str, ...], ...]:
        """The texts by which each item hangs together with others: those that it compares, each once."""
        return tuple(tuple(dict.fromkeys(text for pair in pairs for text in pair)) for pairs in self.compared)

    def pairs_seen(self, sentences: Collection[str] | None = None) -> frozenset[PairKey]:
        """The pairs that count as seen after items of this set were used.

        Args:
            sentences: count only the items that contain at least one of these texts; None: count all items.
        """
        looked_at = None if sentences is None else set(sentences)
        both = zip(self.texts_compared, self.compared, strict=True)
        return frozenset(
            pair for texts, pairs in both if looked_at is None or not looked_at.isdisjoint(texts) for pair in pairs
        )

    @property
    def texts_compared(self) -> tuple[tuple[str, ...], ...]:
        """The texts of which the pairs in :attr:`compared` are made, item by item: the first with each other one."""
        return self.texts

    def unseen(self, seen: Set[PairKey]) -> NDArray[np.bool_]:
        """bool [n]: True for the items of which no compared pair is in ``seen``."""
        return np.array([seen.isdisjoint(pairs) for pairs in self.compared], np.bool_)

    @cached_property
    def hash(self) -> str:
        """sha256 of the texts, gold scores and subsets. Names do not count, so copies have the same hash."""
        # By column, and a single text as a pair with itself, because existing stores have results under such hashes.
        first, *others = tuple(zip(*self.texts, strict=True)) or ((),)
        content = [first, *(others or [first]), [float(g) for g in self.gold], self.subsets]
        return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()


class Source(Protocol):
    """A source of item sets. It never uses the network.

    name: ``senteval``, ``hub`` or ``embedded``.
    label: what tables print, e.g. ``embedded (synthetic)``.
    """

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Task groups on this source: ``sts`` (test sets), ``sts-dev`` and ``sts-train`` -> data set names."""
        ...

    def names(self) -> tuple[str, ...]:
        """The data sets that this source has."""
        ...

    def load(self, name: str) -> ItemSet:
        """Reads a data set.

        Raises:
            DataError: this source does not have it, or a file is absent, truncated or malformed.
        """
        ...
