"""Texts are divided into sets of one size, the same ones in any order."""

from __future__ import annotations

import numpy as np

from ablate.data.clusters import in_sets


def test_sets_do_not_depend_on_the_order_and_keep_copies_together() -> None:
    texts = tuple((f"text {i // 2 if i < 40 else i}{'!' * (i % 2)}",) for i in range(200))
    number = in_sets(texts, 10, 0)
    assert set(number.tolist()) == set(range(10))
    assert np.bincount(number).tolist() == [20] * 10 or np.ptp(np.bincount(number)) <= 2
    assert (number[0:40:2] == number[1:40:2]).all()
    order = np.random.default_rng(0).permutation(200)
    again = in_sets(tuple(texts[i] for i in order), 10, 0)
    assert (again == number[order]).all()
    assert (in_sets(texts, 10, 1) != number).any()
