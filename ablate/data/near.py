"""Finds near-duplicates: items whose texts are almost those of a seen pair.

Two texts are near if the Jaccard index of their shingles, the sequences of :data:`LENGTH` letters and digits of the
normalized text, is at least a threshold. All near texts are found, without chance: of two such sets, each has at least
one of its rarest shingles in common with the rarest of the other, so only texts that share a rare one are compared (the
prefix filter of Chaudhuri, Ganti and Kaushik 2006).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ablate.data.items import ItemSet, PairKey

LENGTH = 4
SIMILARITY = 0.8
"""From this Jaccard index on, texts are near, unless a recipe says otherwise."""

_ROUNDING = 1e-9
_CANDIDATES, _COMPARED = 5_000_000, 50_000
"""How many pairs of texts are held at once: before and while their sets are compared. Memory stays below 0.5 GB."""

Indices = NDArray[np.intp]


def near_pairs(items: ItemSet, seen: Set[PairKey], similarity: float = SIMILARITY) -> list[PairKey | None]:
    """For each item a seen pair that a pair that it compares is near to, but not the same; None if there is none.

    Two pairs are near if their texts are, in one order or the other.

    Args:
        similarity: the lowest Jaccard index of near texts, in (0, 1].
    """
    texts = tuple(dict.fromkeys(text for pairs in items.compared for pair in pairs for text in pair))
    others = tuple(dict.fromkeys(text for pair in sorted(seen) for text in pair))
    near: defaultdict[str, set[str]] = defaultdict(set)
    for i, j in zip(*(found.tolist() for found in near_texts(texts, others, similarity)), strict=True):
        near[texts[i]].add(others[j])
    partners: defaultdict[str, set[str]] = defaultdict(set)
    for a, b in seen:
        partners[a].add(b)
        partners[b].add(a)
    empty = set[str]()

    def nearest(pairs: Sequence[PairKey]) -> PairKey | None:
        for a, b in pairs:
            for left in sorted(near.get(a, empty)):
                for right in sorted(near.get(b, empty) & partners[left]):
                    found = (left, right) if left <= right else (right, left)
                    if found not in pairs:
                        return found
        return None

    return [nearest(pairs) for pairs in items.compared]


def near_texts(texts: Sequence[str], others: Sequence[str], similarity: float) -> tuple[Indices, Indices]:
    """The positions of all near texts: int [found] in ``texts``, int [found] in ``others``.

    Args:
        texts, others: normalized.
        similarity: the lowest Jaccard index, in (0, 1].
    """
    if not texts or not others:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    both = _shingles([*texts, *others])
    ours, theirs = both[: len(texts)], both[len(texts) :]
    sizes, their_sizes = np.diff(ours.indptr), np.diff(theirs.indptr)
    found = [(np.empty(0, np.intp), np.empty(0, np.intp))]
    for i, j in _candidates(_rarest(ours, similarity), _rarest(theirs, similarity)):
        a, b = sizes[i], their_sizes[j]
        # Sets of very different sizes cannot be near, whatever they share.
        possible = np.minimum(a, b) >= similarity * np.maximum(a, b) - _ROUNDING
        i, j, a, b = i[possible], j[possible], a[possible], b[possible]
        for start in range(0, len(i), _COMPARED):
            some = slice(start, start + _COMPARED)
            shared = np.asarray(ours[i[some]].multiply(theirs[j[some]]).sum(1)).ravel()
            near = shared >= similarity * (a[some] + b[some] - shared) - _ROUNDING
            found.append((i[some][near], j[some][near]))
    lefts, rights = zip(*found, strict=True)
    return np.concatenate(lefts), np.concatenate(rights)


def _shingles(texts: Sequence[str]) -> sparse.csr_array:
    """[texts, shingles], 1 where a text has a shingle; the rarest shingles are the first columns."""
    number: dict[str, int] = {}
    columns: list[int] = []
    ends = [0]
    for text in texts:
        of_text = {text[at : at + LENGTH] for at in range(max(1, len(text) - LENGTH + 1))}
        columns.extend(number.setdefault(shingle, len(number)) for shingle in of_text)
        ends.append(len(columns))
    drawn = np.array(columns, np.int32)
    place = np.empty(len(number), np.int32)
    place[np.argsort(np.bincount(drawn), kind="stable")] = np.arange(len(number), dtype=np.int32)
    ones = np.ones(len(drawn), np.int32)
    matrix = sparse.csr_array((ones, place[drawn], np.array(ends, np.int32)), shape=(len(texts), len(number)))
    matrix.sort_indices()
    return matrix


def _rarest(sets: sparse.csr_array, similarity: float) -> sparse.csr_array:
    """So many of the rarest shingles of each set that two near sets have one of them in common."""
    sizes = np.diff(sets.indptr)
    kept = sizes - np.ceil(similarity * sizes - _ROUNDING).astype(sizes.dtype) + 1
    place = np.arange(sets.nnz) - np.repeat(sets.indptr[:-1], sizes)
    columns = sets.indices[place < np.repeat(kept, sizes)]
    ends = np.concatenate([[0], np.cumsum(kept)]).astype(np.int32)
    return sparse.csr_array((np.ones(len(columns), np.int32), columns, ends), shape=sets.shape)


def _candidates(rare: sparse.csr_array, their_rare: sparse.csr_array) -> Iterator[tuple[Indices, Indices]]:
    """The pairs of sets that have one of these shingles in common, in blocks."""
    by_shingle = their_rare.T.tocsr()
    most = rare @ np.diff(by_shingle.indptr)  # pairs of each set, those with several shingles counted several times
    block = np.cumsum(most) // _CANDIDATES
    for number in np.unique(block):
        start, stop = np.searchsorted(block, [number, number + 1])
        shared = (rare[int(start) : int(stop)] @ by_shingle).tocoo()
        yield shared.coords[0].astype(np.intp) + start, shared.coords[1].astype(np.intp)
