"""Shares keep rows with a common text together, have the sizes that are asked for, and depend on the seed alone."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from ablate.data.items import ItemSet, normalize
from ablate.data.shares import groups_of, shared_out
from ablate.errors import DataError

SHARES = {"train": 0.2, "dev": 0.3, "test": 0.5}


def items(texts: list[tuple[str, ...]]) -> ItemSet:
    return ItemSet.from_rows("mine", "", "", [(row, 0.0, "") for row in texts])


def random_rows(seed: int, count: int, texts: int) -> list[tuple[str, ...]]:
    rng = random.Random(seed)
    return [(f"text {rng.randrange(texts)}", f"text {rng.randrange(texts)}") for _ in range(count)]


def test_groups_by_hand() -> None:
    # 0, 2 and 4 hang together by "b" and "c"; 1 stands alone; 3 and 5 share a text but for case and punctuation.
    made = items([("a", "b"), ("x", "y"), ("b", "c"), ("One two!", "z"), ("d", "c"), ("w", "one, TWO")])
    assert groups_of(made) == [[0, 2, 4], [3, 5], [1]]
    triplets = items([("a", "b", "c"), ("d", "e", "f"), ("g", "h", "c")])
    assert groups_of(triplets) == [[0, 2], [1]]


@pytest.mark.parametrize("seed", range(5))
def test_no_text_is_on_two_sides_and_sizes_are_those_asked_for(seed: int) -> None:
    rows = random_rows(seed, 600, 4000)
    parts = shared_out(items(rows), SHARES, seed, "mine.csv")
    sides: dict[str, set[str]] = {}
    for texts, part in zip(rows, parts.tolist(), strict=True):
        for text in texts:
            sides.setdefault(normalize(text), set()).add(part)
    assert {len(found) for found in sides.values()} == {1}
    largest = max(map(len, groups_of(items(rows))))
    assert largest > 1
    for part, count in Counter(parts.tolist()).items():
        assert abs(count - SHARES[part] * 600) <= largest


def test_large_groups_are_divided_in_the_shares_too() -> None:
    # 20 groups of 10 rows and 200 rows alone: each part has its share of both.
    rows: list[tuple[str, ...]] = [(f"hub {i}", f"leaf {i} {j}") for i in range(20) for j in range(10)]
    rows += [(f"one {i}", f"other {i}") for i in range(200)]
    parts = shared_out(items(rows), SHARES, 3, "mine.csv")
    assert Counter(parts[:200].tolist()) == {"train": 40, "dev": 60, "test": 100}
    assert Counter(parts[200:].tolist()) == {"train": 40, "dev": 60, "test": 100}


def test_it_depends_on_the_seed_and_not_on_the_order() -> None:
    rows = random_rows(0, 200, 2000)
    order = list(range(200))
    random.Random(1).shuffle(order)
    parts = shared_out(items(rows), SHARES, 0, "mine.csv")
    moved = shared_out(items([rows[i] for i in order]), SHARES, 0, "mine.csv")
    assert (moved == parts[order]).all()
    assert (shared_out(items(rows), SHARES, 0, "mine.csv") == parts).all()
    assert (shared_out(items(rows), SHARES, 1, "mine.csv") != parts).mean() > 0.4


def test_a_row_is_in_a_part_as_often_as_its_share() -> None:
    made = items([(f"one {i}", f"other {i}") for i in range(40)])
    found = np.array([shared_out(made, SHARES, seed, "mine.csv") for seed in range(300)])
    for part, share in SHARES.items():
        # Each row is in the part in 300 x share of the splits: within 4.5 standard errors, for 40 rows.
        assert np.abs((found == part).mean(0) - share).max() < 4.5 * (share * (1 - share) / 300) ** 0.5


def test_refusals_have_the_numbers() -> None:
    star: list[tuple[str, ...]] = [("hub", f"leaf {i}") for i in range(10)]
    with pytest.raises(
        DataError, match=r"^m\.csv: 10 of 10 rows hang together .*the largest share, of test, is 5 rows"
    ):
        shared_out(items(star), SHARES, 0, "m.csv")
    alone: list[tuple[str, ...]] = [(f"one {i}", f"other {i}") for i in range(4)]
    # A group of half of the rows fits the largest share.
    assert shared_out(items(star + alone + [("x", "y")]), {"dev": 0.3, "test": 0.7}, 0, "m.csv")[0] == "test"
    with pytest.raises(DataError, match=r"^m\.csv: no row is left for the part 'train': 2 rows are 2 groups"):
        shared_out(items(alone[:2]), SHARES, 0, "m.csv")
