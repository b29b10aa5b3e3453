"""Near-duplicates: what is found is what a comparison of all sets finds."""

from __future__ import annotations

import numpy as np
import pytest

import ablate.data.near
from ablate.data.items import ItemSet, normalize, pair_key
from ablate.data.near import LENGTH, near_pairs, near_texts

WORDS = [
    "the",
    "a",
    "cat",
    "dog",
    "sat",
    "ran",
    "on",
    "in",
    "mat",
    "house",
    "quickly",
    "slowly",
    "invoice",
    "parcel",
    "password",
    "reset",
    "7",
    "München",
    "naïve",
]


def _sentences(seed: int, count: int) -> list[str]:
    """Random sentences; every second one is an earlier one with a letter or a word more or less."""
    rng = np.random.default_rng(seed)
    made: list[str] = []
    for number in range(count):
        words = [WORDS[i] for i in rng.integers(len(WORDS), size=rng.integers(0, 14))]
        if number % 2 and made:
            words = made[rng.integers(len(made))].split()
            at = int(rng.integers(len(words) + 1))
            words = [*words[:at], *(["so"] if rng.random() < 0.5 else []), *words[at + int(rng.random() < 0.5) :]]
        made.append(" ".join(words))
    return made


def _set(text: str) -> set[str]:
    return {text[i : i + LENGTH] for i in range(max(1, len(text) - LENGTH + 1))}


def _jaccard(a: str, b: str) -> float:
    return len(_set(a) & _set(b)) / len(_set(a) | _set(b))


@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.75, 0.8, 1.0])
@pytest.mark.parametrize("small", [False, True])
def test_all_near_texts_and_no_others_are_found(
    similarity: float, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if small:
        monkeypatch.setattr(ablate.data.near, "_CANDIDATES", 50)
        monkeypatch.setattr(ablate.data.near, "_COMPARED", 7)
    texts, others = ([*map(normalize, _sentences(seed, 120))] for seed in (0, 1))
    others += texts[:20]
    lefts, rights = near_texts(texts, others, similarity)
    found = list(zip(lefts.tolist(), rights.tolist(), strict=True))
    assert len(found) == len(set(found)) > 20
    assert set(found) == {
        (i, j) for i, a in enumerate(texts) for j, b in enumerate(others) if _jaccard(a, b) >= similarity - 1e-9
    }


def test_of_hand_computed_sets() -> None:
    # abcdefgh has 5 shingles and abcdefghi 6, of which they share 5: 5/6. Without its first letter abcdefgh has 4: 4/5.
    texts = ["abcdefgh"]
    assert near_texts(texts, ["abcdefghi"], 5 / 6)[0].tolist() == [0]
    assert near_texts(texts, ["abcdefghi"], 0.84)[0].tolist() == []
    assert near_texts(texts, ["bcdefgh", "abcdxfgh"], 0.8)[1].tolist() == [0]
    assert near_texts(["", "ab"], ["ab", ""], 0.8)[1].tolist() == [1, 0]
    assert near_texts([], ["ab"], 0.8)[1].tolist() == near_texts(["ab"], [], 0.8)[1].tolist() == []


BASE, OTHER = "Where is the invoice of last month?", "How do I reset the password of my account?"
NEAR, FAR = "Where is the invoice of last months?", "The parcel arrived late yesterday."


@pytest.mark.parametrize(
    ("texts", "near"),
    [
        ((NEAR, OTHER), True),
        ((OTHER, NEAR), True),
        ((BASE, OTHER), False),  # the same pair, which exact overlap finds
        ((OTHER, BASE.upper()), False),
        ((NEAR, FAR), False),  # one text alone does not count
        ((NEAR, NEAR), False),  # both are near to one text of the pair only
        ((FAR, NEAR, OTHER), False),
        ((OTHER, FAR, NEAR), True),
        ((NEAR,), False),
    ],
)
def test_both_texts_of_a_pair_have_to_be_near(texts: tuple[str, ...], near: bool) -> None:
    items = ItemSet("own", "test", "", (texts,), np.zeros(1), ("",))
    seen = pair_key(BASE, OTHER)
    assert near_pairs(items, {seen, pair_key(FAR, FAR)}) == [seen if near else None]


def test_a_single_text_is_near_to_a_seen_text() -> None:
    items = ItemSet("own", "test", "", ((NEAR,), (FAR,), (BASE,)), np.zeros(3), ("",) * 3)
    assert near_pairs(items, {pair_key(BASE, BASE)}) == [pair_key(BASE, BASE), None, None]


def test_nothing_is_near_to_nothing() -> None:
    items = ItemSet("own", "test", "", ((NEAR,),), np.zeros(1), ("",))
    assert near_pairs(items, set()) == [None]
