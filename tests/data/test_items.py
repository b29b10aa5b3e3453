"""Items of one, two and three texts: keys, clusters and overlap, computed by hand and as properties."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.data.items import ItemSet, compared_pairs, item_key, pair_key
from ablate.errors import DataError
from ablate.tasks.loaded import Loaded, panel_of
from ablate.tasks.sts import STS_TASKS

Texts = tuple[str, ...]


def items(*texts: Texts, **fields: Any) -> ItemSet:
    n = len(texts)
    return replace(ItemSet("made", "test", "here", texts, np.zeros(n), ("",) * n), **fields)


def clusters(data: ItemSet) -> list[int]:
    numbers: list[int] = panel_of(Loaded(STS_TASKS[0](), data, np.ones(len(data), bool))).cluster.tolist()
    return numbers


@pytest.mark.parametrize(
    ("texts", "key", "compared"),
    [
        (("A Dog!",), ("adog", "adog"), [("adog", "adog")]),
        (("the cat", "A Dog!"), ("adog", "thecat"), [("adog", "thecat")]),
        (("A dog", "a cat", "B C"), ("adog", "acat", "bc"), [("acat", "adog"), ("adog", "bc")]),
        (("A dog", "B C", "a cat"), ("adog", "acat", "bc"), [("adog", "bc"), ("acat", "adog")]),
        (("1_0", "x", "x"), ("10", "x", "x"), [("10", "x"), ("10", "x")]),
        (("Été ?", "été"), ("été", "été"), [("été", "été")]),
    ],
)
def test_key_and_compared_pairs_by_hand(texts: Texts, key: Texts, compared: list[Texts]) -> None:
    assert item_key(texts) == key
    assert list(compared_pairs(texts)) == compared
    data = items(texts)
    assert data.keys == (key,)
    assert data.compared == (tuple(compared),)


TEXT = st.text("abéж7", min_size=1, max_size=2)
NOISE = st.text(" .,-_!", max_size=2)


@st.composite
def written(draw: st.DrawFn, text: str) -> str:
    """The text with other case, and with spaces and punctuation between its characters."""
    parts = [draw(NOISE) + (c.upper() if draw(st.booleans()) else c) for c in text]
    return "".join(parts) + draw(NOISE)


ITEM = st.lists(TEXT, min_size=1, max_size=3).map(tuple)


def meaning(texts: Texts) -> Any:
    """What the key stands for, told with other means: an anchor and a bag of texts, or a bag alone."""
    if len(texts) == 3:
        return texts[0], Counter(texts[1:])
    return None, Counter(texts if len(texts) == 2 else texts * 2)


@given(st.data(), ITEM)
def test_a_key_does_not_see_order_case_or_punctuation(data: st.DataObject, texts: Texts) -> None:
    free = texts if len(texts) < 3 else texts[1:]
    turned = (*texts[: len(texts) - len(free)], *data.draw(st.permutations(free)))
    other = tuple(data.draw(written(text)) for text in turned)
    assert item_key(other) == item_key(texts)
    assert set(compared_pairs(other)) == set(compared_pairs(texts))


@given(ITEM, ITEM)
def test_keys_are_equal_exactly_if_the_items_are(a: Texts, b: Texts) -> None:
    assert (item_key(a) == item_key(b)) == (meaning(a) == meaning(b))


@given(st.integers(1, 3).flatmap(lambda n: st.lists(st.tuples(*[TEXT] * n), min_size=1, max_size=8)))
def test_overlap_follows_keys(texts: list[Texts]) -> None:
    data = items(*texts)
    assert not data.unseen(data.pairs_seen()).any()
    assert data.unseen(frozenset()).all()
    half = items(*texts[::2]).pairs_seen()
    kept_of_key = {key: set[bool]() for key in data.keys}
    for key, kept in zip(data.keys, data.unseen(half).tolist(), strict=True):
        kept_of_key[key].add(kept)
    assert all(len(kept) == 1 for kept in kept_of_key.values())
    if len(texts[0]) < 3:
        assert data.unseen(half).tolist() == [key not in half for key in data.keys]


def test_items_with_one_key_are_one_cluster_in_all_tasks() -> None:
    pairs = clusters(items(("A man.", "A  dog!"), ("a dog", "a man"), ("a man", "a cat")))
    assert pairs[0] == pairs[1] != pairs[2]
    triplets = clusters(items(("a", "b", "c"), ("A", "C", "B."), ("b", "a", "c"), ("a", "b", "d")))
    assert triplets[0] == triplets[1]
    assert len(set(triplets)) == 3
    single, same = clusters(items(("a",), ("b",))), clusters(items(("a", "a"), ("a", "b")))
    assert single[0] == same[0]
    assert {*single, *same}.isdisjoint(triplets)


def test_a_cluster_is_the_same_number_on_every_machine() -> None:
    digest = hashlib.sha256(b'["adog", "thecat"]').digest()
    assert clusters(items(("The cat", "a dog"))) == [int.from_bytes(digest[:8], "big", signed=True)]


def test_a_triplet_has_been_seen_once_its_anchor_was_seen_with_another_of_its_texts() -> None:
    data = items(("a", "b", "c"), ("a", "d", "e"), ("b", "c", "f"))
    for seen, kept in {
        ("a", "b"): [False, True, True],
        ("c", "a"): [False, True, True],
        ("d", "e"): [True, True, True],  # the two beside the anchor are not compared
        ("a", "a"): [True, True, True],
        ("b", "c"): [True, True, False],
    }.items():
        assert data.unseen({pair_key(*seen)}).tolist() == kept, seen


def test_what_a_triplet_shows_is_seen_in_pairs_and_in_other_triplets() -> None:
    seen = items(("a", "b", "c")).pairs_seen()
    assert seen == {("a", "b"), ("a", "c")}
    assert items(("B", "A"), ("c", "a"), ("b", "c")).unseen(seen).tolist() == [False, False, True]
    assert items(("a", "b", "x"), ("b", "a", "x"), ("b", "c", "x")).unseen(seen).tolist() == [False, False, True]
    assert items(("a",), ("b",)).unseen(seen).tolist() == [True, True]


def test_sentences_that_were_looked_at_show_the_items_that_they_are_in() -> None:
    pairs = items(("a", "b"), ("b", "c"), ("d", "e"))
    assert pairs.pairs_seen(["b"]) == {("a", "b"), ("b", "c")}
    assert pairs.pairs_seen(["B"]) == frozenset()
    assert items(("a", "b", "c"), ("d", "e", "f")).pairs_seen({"c"}) == {("a", "b"), ("a", "c")}
    assert items(("a",), ("b",)).pairs_seen(["a"]) == {("a", "a")}


def test_columns_rows_and_sentences() -> None:
    data = items(("a", "b", "c"), ("c", "a", "d"))
    assert data.sentences == ("a", "b", "c", "d")
    assert data.columns(3) == (("a", "c"), ("b", "a"), ("c", "d"))
    assert [rows.tolist() for rows in data.rows(3)] == [[0, 2], [1, 0], [2, 3]]
    pairs = items(("x", "y"), ("y", "z"))
    assert (pairs.left, pairs.right) == (("x", "y"), ("y", "z"))
    assert [rows.tolist() for rows in pairs.rows(2)] == [[0, 1], [1, 2]]
    nothing = items()
    assert (nothing.left, nothing.right, nothing.sentences, nothing.keys) == ((), (), (), ())
    assert nothing.unseen({("a", "a")}).tolist() == []


@pytest.mark.parametrize(("texts", "kind"), [(("a",), "single texts"), (("a", "b", "c"), "triplets")])
def test_what_is_no_pair_has_no_left_and_right(texts: Texts, kind: str) -> None:
    data = items(texts)
    for column in ("left", "right"):
        with pytest.raises(DataError, match=f"'made' has {kind}, and pairs are needed"):
            getattr(data, column)
    with pytest.raises(DataError, match="and pairs are needed"):
        data.rows(2)


@pytest.mark.parametrize(
    ("texts", "there"), [([("a",), ("a", "b")], "1, 2"), ([()], "0"), ([("a", "b", "c", "d")], "4")]
)
def test_all_items_of_a_set_have_one_two_or_three_texts(texts: list[Texts], there: str) -> None:
    with pytest.raises(
        DataError, match=f"'made' has items of {there} texts; give all items of a set one, two or three"
    ):
        items(*texts)


def test_rows_as_readers_have_them() -> None:
    made = ItemSet.from_rows("made", "test", "here", [(("a", "b"), 1.5, "x"), (("c", "d"), 0.0, "y")])
    assert (made.texts, made.gold.tolist(), made.subsets) == ((("a", "b"), ("c", "d")), [1.5, 0], ("x", "y"))
    assert made.gold.dtype == np.float64


def test_the_hash_is_of_the_columns_and_a_single_text_is_a_pair_with_itself() -> None:
    fields: dict[str, Any] = {"gold": np.array([1.5, 0]), "subsets": ("x", "y")}
    for texts, columns in (
        ([("a",), ("é",)], [["a", "é"], ["a", "é"]]),
        ([("a", "b"), ("c", "d")], [["a", "c"], ["b", "d"]]),
        ([("a", "b", "e"), ("c", "d", "f")], [["a", "c"], ["b", "d"], ["e", "f"]]),
    ):
        content = json.dumps([*columns, [1.5, 0.0], ["x", "y"]])
        assert items(*texts, **fields).hash == hashlib.sha256(content.encode()).hexdigest()
    assert items().hash == hashlib.sha256(b"[[], [], [], []]").hexdigest()
    assert items(("a", "b")).hash != items(("b", "a")).hash != items(("b", "a"), subsets=("x",)).hash
