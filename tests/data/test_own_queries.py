"""Rows of queries and positives become one item a query."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablate.data.own import read_own
from ablate.data.queries import QuerySet
from ablate.errors import DataError


def written(folder: Path, *rows: str) -> Path:
    path = folder / "t.csv"
    path.write_text("\n".join(["question,answer", *rows]))
    return path


def test_rows_of_a_query_are_one_item(tmp_path: Path) -> None:
    file = read_own(written(tmp_path, "q,a", "p,b", "q,c", "r,a"), "retrieval", {})
    items = file.as_set("mine", "dev")
    assert isinstance(items, QuerySet)
    assert file.columns == {"query": "question", "positive": "answer"}
    assert (items.name, items.split) == ("mine", "dev")
    assert items.texts == (("q",), ("p",), ("r",))
    assert items.documents == ("a", "b", "c")
    assert items.relevant == ({0: 1.0, 2: 1.0}, {1: 1.0}, {0: 1.0})


def test_a_row_that_stands_again_counts_once(tmp_path: Path) -> None:
    items = read_own(written(tmp_path, "q,a", "p,b", " q,a"), "retrieval", {}).items
    assert isinstance(items, QuerySet)
    assert items.texts == (("q",), ("p",))
    assert items.relevant == ({0: 1.0}, {1: 1.0})


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (("q,a", "p,p"), ":3: the query is its own positive, which any model finds; remove the row"),
        (("q,a", "p,a"), ": all rows have the same positive, which any model finds; add rows with others"),
        (("q,a", "p,"), ":3:3: no text in 'answer'"),
    ],
)
def test_a_bad_row_is_refused_with_its_place(tmp_path: Path, rows: tuple[str, ...], told: str) -> None:
    path = written(tmp_path, *rows)
    with pytest.raises(DataError) as refused:
        read_own(path, "retrieval", {})
    assert str(refused.value).startswith(f"{path}{told}")
