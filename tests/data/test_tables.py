"""Tables are read whole, and each fault of one is said in one line with its place and remedy."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest

from ablate.data.tables import open_table
from ablate.errors import DataError

ROWS = [["a, b", 'say "hi"', "1.5"], ["two\nlines", "é 漢字", "2"], [" c ", "d;e\tf", "-3e-1"]]


def rows_of(path: Path) -> list[list[Any]]:
    return [list(cells) for _, cells in open_table(path).rows()]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_csv_is_what_the_standard_library_wrote(tmp_path: Path, delimiter: str, end: str, start: str) -> None:
    path = tmp_path / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(start)
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end)
        writer.writerows([["text1", "text2", "score"], *ROWS, []])
    table = open_table(path)
    assert table.names == ("text1", "text2", "score")
    assert rows_of(path) == ROWS
    assert [line for line, _ in table.rows()] == [2, 3, 5]


def test_tsv_has_no_quotes(tmp_path: Path) -> None:
    path = written(tmp_path, "t.tsv", 'a\tb\n"x\ty, "z"\n\n')
    assert rows_of(path) == [['"x', 'y, "z"']]


def test_jsonl_and_parquet_keep_types(tmp_path: Path) -> None:
    objects = [{"a": "x", "score": 1}, {"score": 0.5, "a": "y"}, {"a": "z"}]
    path = written(tmp_path, "t.jsonl", "\n".join(map(json.dumps, objects)) + "\n\n")
    assert open_table(path).names == ("a", "score")
    assert rows_of(path) == [["x", 1], ["y", 0.5], ["z", None]]
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    write_table(pyarrow.table({"a": ["x", "y"], "score": [1.0, None]}), tmp_path / "t.parquet")
    assert rows_of(tmp_path / "t.parquet") == [["x", 1.0], ["y", None]]
    assert open_table(tmp_path / "t.parquet").place(2, 1) == f"{tmp_path / 't.parquet'}:row 2"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.csv", "", ":1: the file is empty; write a row for each item"),
        ("t.csv", "\ufeff\n \n", ":1: the file is empty"),
        ("t.txt", "a,b\n", ": '.txt' is no known kind of table; save it as one of .csv, .tsv"),
        ("t.csv", "A man eats.,A dog,3.5\n", ":1:19: no header: '3.5' is no name; write the columns' names in line 1"),
        ("t.csv", "A man is eating some bread.,b\n", ":1:1: no header: 'A man is eating some bread.' is no name"),
        ("t.csv", "a,b,a\n1,2,3\n", ":1:5: a second column 'a'; rename one of them"),
        ("t.csv", "a,b\nx,y\nx,y,z\n", ":3: 3 cells, and the header has 2; correct the line, or put text with a comma"),
        ("t.tsv", "a\tb\nx\n", ":2: 1 cells, and the header has 2; correct the tabs"),
        ("t.csv", 'a,b\nx,"y\nz,w\n', ":2:3: a quote opens here and never closes; close it"),
        ("t.csv", 'a,b\n"x" y,z\n', ":2:1: a quote opens here, and text follows its end in line 2; double the quotes"),
        ("t.csv", 'a,b\nx,"' + "y\n" * 70_000, ":2:3: a cell of over 131,072 characters; does its quote never close?"),
        ("t.csv", "a,b\nx,é\nx,é".encode() + b"\xe9,\n", ":3:4: not UTF-8; save the file as UTF-8"),
        ("t.csv", "a,b\n".encode("utf-16"), ":1:1: not UTF-8 but UTF-16"),
        ("t.jsonl", '{"a": 1}\n{"a": }\n', ":2:7: not JSON: Expecting value; write one object on each line"),
        ("t.jsonl", "[1]\n", ":1:1: no JSON object"),
        ("t.jsonl", "{}\n", ":1: an object without anything in it"),
        ("t.parquet", "PAR1", ": not Parquet, or cut short"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(tmp_path: Path, name: str, content: str | bytes, told: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    path = written(tmp_path, name, content)
    with pytest.raises(DataError) as refused:
        rows_of(path)
    assert str(refused.value).startswith(f"{path}{told}")
    assert "\n" not in str(refused.value)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder that neither `save_to_disk` of datasets wrote .* nor BEIR"):
        open_table(tmp_path)
    with pytest.raises(DataError, match="No such file or directory; correct the path"):
        open_table(tmp_path / "t.csv")


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    path = written(tmp_path, "t.parquet", "PAR1")
    with pytest.raises(DataError, match=r"Parquet needs pyarrow; `pip install 'ablate-embeddings\[report\]'`"):
        open_table(path)


def test_places_in_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", 'a,b,c\n"x,y",é,3\n')
    assert open_table(path).place(2, 2) == f"{path}:2:9"
    lines = written(tmp_path, "t.jsonl", '{"a": "x", "b": null}\n')
    assert open_table(lines).place(1, 1) == f"{lines}:1:12"


def test_many_rows_are_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("w") as file:
        file.write("text1,text2,score\n")
        file.writelines(f"sentence number {i},another one {i},{i % 6}\n" for i in range(200_000))
    started = time.perf_counter()
    assert sum(1 for _ in open_table(path).rows()) == 200_000
    assert time.perf_counter() - started < 20
