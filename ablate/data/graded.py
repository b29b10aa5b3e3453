"""Draws the calibration pairs that have gold scores, from several splits in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from ablate.data.items import ItemSet
from ablate.data.seeded import seeded_draw
from ablate.errors import DataError, suggest

GradedPair = tuple[str, str, float]
"""Two sentences and their gold score, 0 to 5."""


def check_graded(graded: Mapping[str, int], splits: Sequence[str]) -> None:
    """Checks that numbers of graded pairs are those of the splits.

    Raises:
        DataError: one is of no split, or a split has none.
    """
    for name in graded:
        if name not in splits:
            raise DataError(f"'{name}' is not one of the calibration's splits; {suggest(name, splits)}")
    for name in splits:
        if name not in graded:
            raise DataError(f"no number of graded pairs for '{name}'; add it, or remove it from splits")


def draw_graded(
    splits: Sequence[ItemSet], graded: int | Mapping[str, int], batch_size: int, seed: int
) -> list[GradedPair]:
    """Whole batches of each split in turn, so that a scorer that uses only the first few sees every split.

    Args:
        graded: how many pairs in total, as many from each split; or how many from each.

    Raises:
        DataError: ``graded`` has numbers, and they are not those of the splits.
    """
    if not isinstance(graded, int):
        check_graded(graded, [split.name for split in splits])
    by_split = []
    for split in splits:
        pool = zip(split.left, split.right, map(float, split.gold), strict=True)
        count = graded // len(splits) if isinstance(graded, int) else graded[split.name]
        drawn = seeded_draw(dict.fromkeys(pool), count, seed, f"graded {split.name}")
        by_split.append([drawn[i : i + batch_size] for i in range(0, len(drawn), batch_size)])
    whole = [batch for batches in zip_longest(*by_split) for batch in batches if batch]
    return [pair for batch in whole if len(batch) == batch_size for pair in batch]
