"""Parts of a file by a column or by shares: which rows they have, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ablate.data.columns import guess_kind, split_column
from ablate.data.own import OwnFile, read_own
from ablate.data.own_records import described
from ablate.data.parts import Counts, Part, Shares, counts, parts_of, rows_of
from ablate.data.tables import open_table
from ablate.errors import DataError

ROWS = "a,b,points,where\n" + "".join(
    f"words {i},other {i},{i % 5},{where}\n"
    for i, where in enumerate(["train", "Validation", "TEST", "val", "dev", "valid", "test", "train", "test"])
)
THIRDS = Part(shares=Shares(train=0.25, dev=0.25, test=0.5), seed=2)


@pytest.fixture
def file(tmp_path: Path) -> OwnFile:
    path = tmp_path / "m.csv"
    path.write_text(ROWS)
    return read_own(path, "sts", {})


def test_a_column_of_splits_is_no_text(file: OwnFile) -> None:
    # There are three columns of words, and two of them are the texts.
    assert file.columns == {"first": "a", "second": "b", "score": "points"}
    assert split_column(open_table(file.path)) == "where"
    file.path.write_text("anchor,positive,note\na,b,train\nc,d,later\n")
    assert split_column(open_table(file.path)) is None


def test_a_column_of_splits_does_not_make_triplets(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("left side,right side,split\na,b,train\nc,d,test\n")
    assert guess_kind(open_table(path)) != "triplets"


def test_rows_by_column(file: OwnFile) -> None:
    parts = parts_of(file, Part(column="where"))
    assert parts.tolist() == ["train", "dev", "test", "dev", "dev", "dev", "test", "train", "test"]
    assert counts(parts) == Counts(train=2, dev=4, test=3)
    assert rows_of(file, Part(column="WHERE"), "test").nonzero()[0].tolist() == [2, 6, 8]
    assert rows_of(file, None, "test").all()


def test_rows_by_shares(file: OwnFile) -> None:
    parts = parts_of(file, THIRDS)
    assert sum(rows_of(file, THIRDS, split).sum() for split in ("train", "dev", "test")) == 9
    assert counts(parts).test in (4, 5)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("TEST", "tset", r"m\.csv:4:19: 'where' is 'tset', which is no part; write one of train, dev, validation, val"),
        ("TEST", "", r"m\.csv:4:19: 'where' is empty, which is no part"),
        ("where", "when", r"m\.csv:1: no column 'where' \(part\); did you mean 'when'\?"),
    ],
)
def test_refused_columns(file: OwnFile, old: str, new: str, told: str) -> None:
    file.path.write_text(ROWS.replace(old, new))
    columns = {"first": "a", "second": "b", "score": "points"}
    with pytest.raises(DataError, match=told):
        rows_of(read_own(file.path, "sts", columns), Part(column="where"), "dev")


def test_refused_parts(file: OwnFile) -> None:
    file.path.write_text(ROWS.replace("train", "dev"))
    again = read_own(file.path, "sts", {})
    with pytest.raises(DataError, match=r"by column 'where' no row is in 'train' \(there are dev 6, test 3\)"):
        rows_of(again, Part(column="where"), "train")
    file.path.write_text("a,b,points,where\nc,d,1,dev\ne,f,1,dev\ng,h,2,test\ni,j,3,test\n")
    again = read_own(file.path, "sts", {})
    with pytest.raises(DataError, match="by column 'where' all 2 rows of 'dev' have 1; divide the rows otherwise"):
        rows_of(again, Part(column="where"), "dev")
    with pytest.raises(DataError, match="its parts have dev 2, test 2 rows, and dev 3, test 1 are expected"):
        rows_of(again, Part(column="where", rows=Counts(dev=3, test=1)), "dev")


def test_shares_add_up() -> None:
    with pytest.raises(ValidationError, match=r"the shares add up to 0\.8; let them add up to 1"):
        Shares(dev=0.3, test=0.5)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "give one"),
        ({"column": "split", "shares": {"dev": 0.5, "test": 0.5}}, "give one"),
        ({"column": "split", "seed": 1}, "leave out the seed"),
    ],
)
def test_one_way_to_divide(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Part.model_validate(given)


def test_the_record_names_the_part(file: OwnFile) -> None:
    given = {"kind": "sts", "file": str(file.path), "sha256": file.sha256, "columns": {"first": "a"}, "split": "test"}
    start = f"m.csv (sha256 {file.sha256[:12]}), sts, test; first = a"
    assert described({"mine": given}) == {"mine": start}
    by_column = {"column": "where", "rows": {"train": 2, "dev": 4, "test": 3}}
    told = "; 3 of 9 rows, by column where: train 2, dev 4, test 3"
    assert described({"mine": {**given, "part": by_column}}) == {"mine": start + told}
    by_shares = {"shares": {"dev": 0.5, "test": 0.5}, "seed": 4, "rows": {"train": 0, "dev": 4, "test": 5}}
    told = "; 5 of 9 rows, by shares of dev 0.5, test 0.5 with seed 4, rows that share a text together: dev 4, test 5"
    assert described({"mine": {**given, "part": by_shares}}) == {"mine": start + told}
