"""The parts of a race: what is drawn, in which shares, and that no part tells anything of another."""

from __future__ import annotations

import numpy as np
import pytest

from ablate.data.items import ItemSet
from ablate.tasks.parts import part_of

SHARES = (0.125, 0.25, 0.5)


def items(subsets: list[str], copies: int = 1) -> ItemSet:
    """Pairs of their own, each of them ``copies`` times, every other time the other way round."""
    rows = []
    for i, subset in enumerate(subsets):
        for copy in range(copies):
            texts = (f"left {i}", f"right {i}")
            rows.append((texts if copy % 2 == 0 else texts[::-1], float(i % 6), subset))
    return ItemSet.from_rows("s", "dev", "here", rows)


def test_each_subset_gives_its_share_to_each_look() -> None:
    data = items(["a"] * 80 + ["b"] * 40 + ["c"] * 8)
    look = part_of(data, SHARES, 0)
    for subset, size in (("a", 80), ("b", 40), ("c", 8)):
        of_subset = look[[name == subset for name in data.subsets]]
        for number, share in enumerate((0.125, 0.125, 0.25, 0.5)):
            assert abs((of_subset == number).sum() - share * size) <= 1


def test_subsets_of_a_single_item_give_their_share_together() -> None:
    look = part_of(items([str(i) for i in range(4000)]), SHARES, 0)
    assert np.bincount(look) / 4000 == pytest.approx([0.125, 0.125, 0.25, 0.5], abs=0.02)


def test_identical_pairs_come_together_also_across_subsets() -> None:
    data = items(["a"] * 50, copies=3)
    look = part_of(data, SHARES, 0).reshape(50, 3)
    assert (look == look[:, :1]).all()
    moved = ItemSet.from_rows("s", "dev", "here", [(("x", "y"), 1.0, "a"), (("Y!", "x"), 1.0, "b")])
    assert len(set(part_of(moved, SHARES, 0))) == 1


def test_the_order_depends_on_the_seed_and_on_nothing_else() -> None:
    data = items(["a"] * 400)
    assert (part_of(data, SHARES, 0) == part_of(data, SHARES, 0)).all()
    same = (part_of(data, SHARES, 0) == part_of(data, SHARES, 1)).mean()
    # As often as chance has it: the sum of the squared shares.
    assert same == pytest.approx(2 * 0.125**2 + 0.25**2 + 0.5**2, abs=0.1)
    # More looks only divide the parts: the order is the same.
    fine = part_of(data, (0.0625, *SHARES), 0)
    assert ((fine <= 1) == (part_of(data, SHARES, 0) == 0)).all()


def test_a_share_of_all_leaves_nothing_for_later_looks() -> None:
    assert part_of(items(["a"] * 30), (0.5, 1.0, 1.0), 0).max() == 1


def test_the_part_of_a_set_has_a_hash_of_its_own_and_keeps_the_rest() -> None:
    data = items(["a"] * 5 + ["b"] * 3)
    half = data.only(np.arange(8) % 2 == 0)
    assert len({data.hash, half.hash, data.only(np.arange(8) % 2 == 1).hash}) == 3
    assert half.texts == data.texts[::2]
    assert half.subsets == data.subsets[::2]
    assert half.gold.tolist() == data.gold[::2].tolist()
    assert data.only(np.ones(8, bool)).hash == data.hash
