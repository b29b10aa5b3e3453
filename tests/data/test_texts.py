"""Which texts are embedded for sets of items with and without roles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from ablate.data.items import ItemSet, Role
from ablate.data.queries import QuerySet
from ablate.data.texts import Texts
from ablate.errors import DataError

PAIRS = ItemSet("pairs", "dev", "here", (("a", "b"), ("c", "a")), np.zeros(2), ("", ""))
QUERIES = QuerySet("q", "dev", "here", (("a",), ("d",)), np.zeros(2), ("", ""), ("a", "e"), ({1: 1.0}, {0: 1.0}))


def test_each_sentence_once_if_roles_do_not_count() -> None:
    texts = Texts.of([PAIRS, QUERIES], by_role=False)
    assert (texts.sentences, texts.roles, len(texts)) == (["a", "b", "c", "d", "e"], (), 5)
    assert texts.rows(PAIRS) == [0, 1, 2]
    assert texts.rows(QUERIES) == [0, 3, 0, 4]


def test_each_sentence_once_in_each_role() -> None:
    texts = Texts.of([PAIRS, QUERIES], by_role=True)
    assert texts.sentences == ["a", "b", "c", "a", "d", "a", "e"]
    assert texts.roles == (None, None, None, "query", "query", "document", "document")
    assert texts.rows(PAIRS) == [0, 1, 2]
    assert texts.rows(QUERIES) == [3, 4, 5, 6]


def test_a_role_for_each_sentence() -> None:
    @dataclass(frozen=True)
    class Broken(ItemSet):
        @property
        def roles(self) -> tuple[Role, ...]:
            return ("query",)

    broken = Broken("broken", "dev", "here", (("a", "b"),), np.zeros(1), ("",))
    assert Texts.of([broken], by_role=False).sentences == ["a", "b"]
    with pytest.raises(DataError, match="'broken' has 1 roles for 2 sentences; give each one"):
        Texts.of([broken], by_role=True)
