"""What `ablate data check` says of near-duplicates, within a file and between two."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.data.items import ItemSet, PairKey, normalize
from ablate.data.near import SIMILARITY, near_pairs

MOST = 200_000
"""Of more texts, near-duplicates are not looked for: that takes half a minute for so many, and four times as long for
twice as many."""

SHOWN = 60


def near_within(items: ItemSet) -> str:
    """How many rows are near to another row, but not the same; with an example."""
    if len(items.sentences) > MOST:
        return _TOO_MANY
    found = near_pairs(items, items.pairs_seen())
    return _said(items, found, items, "of the rows are almost another row")


def near_between(one: ItemSet, other: ItemSet) -> str:
    """How many rows of ``other`` are near to a row of ``one``, but not the same; with an example."""
    if max(len(one.sentences), len(other.sentences)) > MOST:
        return _TOO_MANY
    seen = one.pairs_seen()
    found = [pair if new else None for pair, new in zip(near_pairs(other, seen), other.unseen(seen), strict=True)]
    return _said(other, found, one, "rows of the second are almost rows of the first")


_TOO_MANY = f"not looked for in more than {MOST:,} texts"


def _said(ours: ItemSet, found: Sequence[PairKey | None], theirs: ItemSet, what: str) -> str:
    """How many rows of ``ours`` are near to which pair of ``theirs``, with an example; found: by row, such a pair."""
    first = _first_rows(theirs)
    example = next(((row, first[pair]) for row, pair in enumerate(found) if pair is not None), None)
    if example is None:
        return "none"
    row, its = example
    return (
        f"{sum(pair is not None for pair in found):,} {what} (similarity {SIMILARITY:g} or more), such as rows "
        f"{row + 1:,} and {its + 1:,}: {_differing(ours, row, theirs, its)}"
    )


def _first_rows(items: ItemSet) -> dict[PairKey, int]:
    """The first row that compares each pair."""
    first: dict[PairKey, int] = {}
    for row, pairs in enumerate(items.compared):
        for pair in pairs:
            first.setdefault(pair, row)
    return first


def _differing(ours: ItemSet, row: int, theirs: ItemSet, its: int) -> str:
    """A text of each row that the other row does not have."""
    a, b = ours.texts[row], theirs.texts[its]
    return " and ".join(_shown(_of_one(some, others)) for some, others in ((a, b), (b, a)))


def _of_one(texts: tuple[str, ...], others: tuple[str, ...]) -> str:
    known = {normalize(text) for text in others}
    return next((text for text in texts if normalize(text) not in known), texts[0])


def _shown(text: str) -> str:
    return f"'{text}'" if len(text) <= SHOWN else f"'{text[: SHOWN - 1]}…'"
