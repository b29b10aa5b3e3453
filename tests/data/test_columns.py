"""Columns are found by the names that other tools use, else by type; otherwise the user is asked."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ablate.data.columns import find_columns, guess_kind, split_column
from ablate.data.tables import Table, open_table
from ablate.errors import DataError


def table(folder: Path, header: str, *rows: str) -> Table:
    path = folder / "t.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split("|"), *(row.split("|") for row in rows)])
    return open_table(path)


@pytest.mark.parametrize(
    ("kind", "header", "row", "named"),
    [
        ("sts", "sentence1|sentence2|score", "a|b|1", "sentence1 sentence2 score"),
        ("sts", "split|score|Sentence_2|Sentence_1", "x|1|b|a", "Sentence_1 Sentence_2 score"),
        ("sts", "text 1|text 2|Label", "a|b|1", "text 1,text 2,Label"),
        ("sts", "|one|other|points", "0|a|b|1", "one other points"),
        ("sts", "label|score|text1|text2", "0|1.5|a|b", "text1 text2 score"),
        ("pairs", "label|score|text1|text2", "0|1.5|a|b", "text1 text2 label"),
        ("pairs", "Quality|#1 ID|#2 ID|#1 String|#2 String", "1|3|4|a|b", "#1 String,#2 String,Quality"),
        ("pairs", "id|question1|question2|is_duplicate", "7|a|b|1", "question1 question2 is_duplicate"),
        ("triplets", "negative|anchor|positive", "c|a|b", "anchor positive negative"),
        ("triplets", "query|pos|neg", "a|b|c", "query pos neg"),
        ("triplets", "x|y|z|n", "a|b|c|1", "x y z"),
        ("retrieval", "id|Question|Answer", "1|a|b", "Question Answer"),
        ("retrieval", "one|other", "a|b", "one other"),
        ("classification", "text|label|label_text", "a|0|x", "text label"),
        ("classification", "utterance|intent", "a|x", "utterance intent"),
        ("classification", "text|kind", "a|x", "text kind"),
        ("classification", "sentence1|sentence2|label", "a|b|x", "sentence1 sentence2 label"),
        ("classification", "words|n", "a|1", "words n"),
        ("clustering", "sentences|labels", "a|x", "sentences labels"),
    ],
)
def test_found_without_being_named(tmp_path: Path, kind: str, header: str, row: str, named: str) -> None:
    read = table(tmp_path, header, row)
    found = find_columns(read, kind, {})
    assert [read.names[i] for i in found.values()] == named.split("," if "," in named else " ")


def test_named_ones_are_taken_and_the_rest_guessed(tmp_path: Path) -> None:
    read = table(tmp_path, "id|title|body|stars|score", "1|a|b|4|0")
    assert find_columns(read, "sts", {"score": "Stars"}) == {"first": 1, "second": 2, "score": 3}
    assert find_columns(read, "sts", {"first": "body", "second": "title"}) == {"first": 2, "second": 1, "score": 4}


@pytest.mark.parametrize(
    ("given", "header", "told"),
    [
        ({"score": "similarty"}, "a|b|similarity", ":1: no column 'similarty' (score); did you mean 'similarity'?"),
        ({}, "a|b|c|score", ":1: cannot tell the columns first and second among 'a', 'b', 'c', 'score'"),
        (
            {},
            "text1|text2|x",
            ":1: cannot tell the column score among 'text1', 'text2', 'x' (of numbers: none); name it",
        ),
    ],
)
def test_asked_otherwise(tmp_path: Path, given: dict[str, str], header: str, told: str) -> None:
    row = "|".join("1" if name in ("score", "similarity") else "t" for name in header.split("|"))
    with pytest.raises(DataError) as refused:
        find_columns(table(tmp_path, header, row), "sts", given)
    assert str(refused.value).startswith(f"{tmp_path / 't.csv'}{told}")


@pytest.mark.parametrize(
    ("kind", "header", "rows"),
    [
        ("sts", "text1|text2|score", ["a|b|0", "a|c|0.5"]),
        ("pairs", "text1|text2|label", ["a|b|0", "a|c|1"]),
        ("pairs", "x|y|same", ["a|b|1", "a|c|0"]),
        ("triplets", "anchor|positive|negative", ["a|b|c"]),
        ("triplets", "x|y|z", ["a|b|c"]),
    ],
)
def test_the_kind_is_guessed(tmp_path: Path, kind: str, header: str, rows: list[str]) -> None:
    assert guess_kind(table(tmp_path, header, *rows)) == kind


@pytest.mark.parametrize(
    ("header", "rows", "kind"),
    [
        ("sentence1|sentence2|label", ["a|b|yes", "c|d|no"], "pairs"),
        ("sentence1|sentence2|label", ["a|b|True", "c|d|False"], "pairs"),
        ("sentence1|sentence2|score", ["a|b|1", "c|d|high"], "sts"),
        ("sentence1|sentence2|score", ["a|b|1", "c|d|3,5"], "sts"),
        ("sentence1|score", ["a|1", "c|2"], "sts"),
    ],
)
def test_a_fault_in_a_named_column_does_not_make_another_kind(
    tmp_path: Path, header: str, rows: list[str], kind: str
) -> None:
    assert guess_kind(table(tmp_path, header, *rows)) == kind


def test_another_word_in_a_column_of_splits_is_not_overlooked(tmp_path: Path) -> None:
    assert split_column(table(tmp_path, "a|b|split", "x|y|train", "x|z|eval")) == "split"
    assert split_column(table(tmp_path, "a|b|c", "x|y|train", "x|z|eval")) is None
