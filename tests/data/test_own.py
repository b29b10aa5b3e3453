"""A user's own file becomes items, or one line that says what is wrong with it, where, and what to do."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from ablate.data.own import read_own
from ablate.errors import DataError


def written(folder: Path, content: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_items_columns_and_hash(tmp_path: Path) -> None:
    path = written(tmp_path, "text1,text2,score\n a  b ,c,3.5\nd,e,-1e2\n")
    file = read_own(path, "sts", {})
    items = file.as_set("mine", "dev")
    assert items.texts == (("a b", "c"), ("d", "e"))
    assert items.gold.tolist() == [3.5, -100]
    assert (items.name, items.split, items.source) == ("mine", "dev", f"t.csv (sha256 {file.sha256[:12]})")
    assert file.columns == {"first": "text1", "second": "text2", "score": "score"}
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_own(path, "sts", {}) is file
    again = read_own(written(tmp_path, '{"b": "c", "a": "a b", "s": 3.5}\n{"a":"d","b":"e","s":-100}\n', "t.jsonl"),
                     "sts", {"first": "a", "second": "b"})  # fmt: skip
    assert again.items.hash == file.items.hash
    written(tmp_path, "text1,text2,score\na,c,3.5\nd,e,5\n")
    assert read_own(path, "sts", {}).sha256 != file.sha256


def test_labels(tmp_path: Path) -> None:
    path = written(tmp_path, "text1,text2,label\na,b,1\na,c,0\na,d,True\na,e,0.0\n")
    assert read_own(path, "pairs", {}).items.gold.tolist() == [1, 0, 1, 0]
    path = written(tmp_path, '{"text1":"a","text2":"b","label":true}\n{"text1":"a","text2":"c","label":0}\n', "l.jsonl")
    assert read_own(path, "pairs", {}).items.gold.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("kind", "content", "told"),
    [
        ("sts", "text1,text2,score\na,b,1\na,,2\n", ":3:3: no text in 'text2'; write one, or remove the row"),
        ("sts", "text1,text2,score\na,b,1\na,c,high\n", ":3:5: 'score' is 'high', no number; write one, such as 3.5"),
        ("sts", "text1,text2,score\na,b,nan\n", ":2:5: 'score' is 'nan', no number"),
        ("sts", "text1,text2,score\na,b,inf\n", ":2:5: 'score' is 'inf', no number"),
        ("sts", 'text1;text2;score\na;b;"3,5"\n', ":2:5: 'score' is '3,5', no number"),
        ("sts", "text1,text2,score\na,b,\n", ":2:5: 'score' is empty, no number"),
        ("sts", "text1,text2,score\na,b,2\nc,d,2\n", ": all 2 scores in 'score' are 2; add pairs with other scores"),
        ("sts", "text1,text2,score\n", ":2: no rows; write a row for each item below the header"),
        ("pairs", "text1,text2,label\na,b,2\n", ":2:5: 'label' is '2', no label; write 1 for two texts that belong"),
        ("pairs", "text1,text2,label\na,b,1\na,c,1\n", ": all 2 labels in 'label' are 1; add pairs with the other"),
        ("triplets", "anchor,positive,negative\na,b, \n", ":2:5: no text in 'negative'"),
    ],
)
def test_a_bad_row_is_refused_with_its_place(tmp_path: Path, kind: str, content: str, told: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(DataError) as refused:
        read_own(path, kind, {})
    assert str(refused.value).startswith(f"{path}{told}")


def test_a_number_where_text_should_be(tmp_path: Path) -> None:
    path = written(tmp_path, '{"text1": 5, "text2": "b", "score": 1}\n', "t.jsonl")
    with pytest.raises(DataError, match=r":1:2: 'text1' is 5, which is no text; write one"):
        read_own(path, "sts", {})


def test_one_column_for_two_roles(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b,score\nx,y,1\n")
    with pytest.raises(DataError, match="column 'a' is both first and second; name two columns"):
        read_own(path, "sts", {"first": "a", "second": "a"})


@pytest.mark.slow
def test_a_million_rows_in_seconds(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("w") as file:
        file.write("text1,text2,score\n")
        file.writelines(f"sentence number {i},another one {i},{i % 6}\n" for i in range(1_000_000))
    started = time.perf_counter()
    assert len(read_own(path, "sts", {}).items) == 1_000_000
    assert time.perf_counter() - started < 60
