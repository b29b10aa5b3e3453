"""Queries with their documents, after a small folder of BEIR: two queries, graded answers, a shared corpus."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ablate.data.items import ItemSet
from ablate.data.queries import QuerySet
from ablate.errors import DataError

CORPUS = ("Paris is in France.", "Rome", "a river", "Rome")
QUERIES = QuerySet(
    "cities",
    "test",
    "beir",
    (("Where is Paris?",), ("Rome",), ("where is paris",)),
    np.zeros(3),
    ("",) * 3,
    CORPUS,
    ({0: 2.0, 2: 1.0}, {1: 1.0}, {2: 1.0}),
)


def of(*texts: tuple[str, ...]) -> ItemSet:
    return ItemSet("other", "dev", "here", texts, np.zeros(len(texts)), ("",) * len(texts))


def test_the_key_is_the_querys_alone() -> None:
    first, rome, again = QUERIES.keys
    assert first == again == ("whereisparis", "whereisparis")
    assert rome == ("rome", "rome") == of(("Rome",)).keys[0]


def test_a_model_embeds_each_query_and_document_once_and_a_text_that_is_both_in_each_role() -> None:
    assert QUERIES.sentences == (
        "Where is Paris?",
        "Rome",
        "where is paris",
        "Paris is in France.",
        "Rome",
        "a river",
    )
    assert QUERIES.roles == ("query",) * 3 + ("document",) * 3
    (rows,) = QUERIES.rows(1)
    assert rows.tolist() == [0, 1, 2]
    assert QUERIES.document_rows.tolist() == [3, 4, 5, 4]
    assert [QUERIES.sentences[row] for row in QUERIES.document_rows] == list(CORPUS)


def test_an_item_compares_its_query_with_itself_and_with_its_relevant_documents() -> None:
    assert QUERIES.compared[0] == (
        ("whereisparis", "whereisparis"),
        ("parisisinfrance", "whereisparis"),
        ("ariver", "whereisparis"),
    )
    for seen, kept in (
        (of(("where is Paris",)), [False, True, False]),  # the query, in another retrieval task or as a text
        (of(("Paris is in France", "Where is Paris?")), [False, True, True]),  # as a training pair
        (of(("a river", "Rome")), [True, True, True]),  # a document of others, which all queries share
        (of(("a river",), ("Paris is in France.",)), [True, True, True]),
        (of(("Where is Paris?", "a river", "Rome")), [False, True, False]),  # as a training triplet
    ):
        assert QUERIES.unseen(seen.pairs_seen()).tolist() == kept, seen.texts


def test_a_query_that_was_looked_at_is_seen_with_whatever_documents() -> None:
    other = replace(QUERIES, documents=("else",), relevant=({0: 1.0},) * 3)
    assert not other.unseen(QUERIES.pairs_seen()).any()
    assert QUERIES.pairs_seen(["Paris is in France."]) == set(QUERIES.compared[0])
    assert QUERIES.pairs_seen(["nowhere"]) == frozenset()


@pytest.mark.parametrize(
    "change",
    [
        {"documents": (*CORPUS[:3], "rome")},
        {"relevant": ({0: 1.0, 2: 1.0}, {1: 1.0}, {2: 1.0})},
        {"relevant": ({0: 2.0, 2: 1.0}, {3: 1.0}, {2: 1.0})},
        {"texts": (("Where is Paris?",), ("Rome?",), ("where is paris",))},
        {"gold": np.ones(3)},
    ],
)
def test_the_hash_is_of_queries_documents_and_grades(change: dict[str, Any]) -> None:
    assert replace(QUERIES, **change).hash != QUERIES.hash
    assert replace(QUERIES, name="else", split="dev").hash == QUERIES.hash
    assert replace(QUERIES, relevant=({2: 1.0, 0: 2.0}, {1: 1.0}, {2: 1.0})).hash == QUERIES.hash


@pytest.mark.parametrize(
    ("relevant", "message"),
    [
        ({}, "'cities': the query 'Rome' has no relevant document; leave it out"),
        (
            {4: 1.0},
            "'cities': the query 'Rome' refers to document 4 with grade 1; numbers are 0 to 3, and grades are above 0",
        ),
        ({-1: 1.0}, "refers to document -1"),
        ({1: 0.0}, "refers to document 1 with grade 0;"),
    ],
)
def test_every_query_has_an_answer_in_the_corpus(relevant: dict[int, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(QUERIES, relevant=({0: 1.0}, relevant, {0: 1.0}))


def test_a_query_is_one_text() -> None:
    with pytest.raises(DataError, match="'cities' has pairs, and single texts are needed"):
        replace(QUERIES, texts=(("a", "b"),) * 3)
