"""Whatever is wrong with a file, and whichever kind it should be: one line with the place and the remedy."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ablate.data import tables
from ablate.data.columns import GOLD, TEXTS
from ablate.data.own import read_own
from ablate.data.tables import MOST_ROWS
from ablate.errors import DataError

HEADERS = {
    "sts": ("sentence1", "sentence2", "score"),
    "pairs": ("text1", "text2", "label"),
    "triplets": ("anchor", "positive", "negative"),
    "retrieval": ("query", "positive"),
    "classification": ("text", "label"),
    "clustering": ("text", "label"),
}
ROWS = {
    "sts": (("a", "b", "1"), ("c", "d", "2.5")),
    "pairs": (("a", "b", "1"), ("c", "d", "0")),
    "triplets": (("a", "b", "c"), ("d", "e", "f")),
    "retrieval": (("a", "b"), ("c", "d")),
    "classification": (("a", "x"), ("b", "y")),
    "clustering": (("a", "x"), ("b", "y")),
}


def lines(kind: str, *more: tuple[str, ...], header: tuple[str, ...] | None = None) -> str:
    return "\n".join(",".join(cells) for cells in (header or HEADERS[kind], *ROWS[kind], *more)) + "\n"


def refused(folder: Path, kind: str, content: str | bytes, name: str = "t.csv") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError) as error:
        read_own(path, kind, {})
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{path}:")
    return str(error.value).removeprefix(str(path))


def test_every_kind_is_here(tmp_path: Path) -> None:
    assert set(HEADERS) == set(TEXTS)
    for kind in TEXTS:
        path = tmp_path / f"{kind}.csv"
        path.write_text(lines(kind))
        assert len(read_own(path, kind, {}).items) == 2


@pytest.mark.parametrize("kind", TEXTS)
def test_a_missing_column(tmp_path: Path, kind: str) -> None:
    rows = [row[:-1] for row in ROWS[kind]]
    content = "\n".join(",".join(row) for row in (HEADERS[kind][:-1], *rows))
    told = refused(tmp_path, kind, content)
    assert told.startswith(":1: cannot tell the column")
    assert "in columns: {" in told


@pytest.mark.parametrize("kind", TEXTS)
def test_no_header(tmp_path: Path, kind: str) -> None:
    first = ("This is a sentence of six words.", *ROWS[kind][0][1:])
    told = refused(tmp_path, kind, lines(kind, header=first))
    assert told.startswith(":1:1: no header: 'This is a sentence of six words.' is no name; write the columns' names")


@pytest.mark.parametrize("kind", TEXTS)
def test_an_empty_text(tmp_path: Path, kind: str) -> None:
    row = (" ", *ROWS[kind][0][1:])
    told = refused(tmp_path, kind, lines(kind, row))
    assert told == f":4:1: no text in '{HEADERS[kind][0]}'; write one, or remove the row"


@pytest.mark.parametrize("kind", GOLD)
def test_a_gold_that_is_none_and_one_that_is_always_the_same(tmp_path: Path, kind: str) -> None:
    empty = refused(tmp_path, kind, lines(kind, (*ROWS[kind][0][:-1], "")))
    assert empty.startswith(f":4:{3 + 2 * (len(HEADERS[kind]) - 2)}: ")
    assert "is empty" in empty
    same = [(*row[:-1], "1") for row in ROWS[kind]]
    content = "\n".join(",".join(row) for row in (HEADERS[kind], *same))
    assert refused(tmp_path, kind, content).startswith(": all 2 ")
    if kind in ("sts", "pairs"):
        assert "is 'high', no " in refused(tmp_path, kind, lines(kind, (*ROWS[kind][0][:-1], "high")))


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-16", ":1:1: not UTF-8 but UTF-16; save"),
        ("latin-1", ":4:2: not UTF-8; save the file as UTF-8"),
    ],
)
def test_another_encoding(tmp_path: Path, kind: str, encoding: str, told: str) -> None:
    content = lines(kind, ("xé", *ROWS[kind][0][1:])).encode(encoding)
    assert refused(tmp_path, kind, content).startswith(told)


@pytest.mark.parametrize("kind", TEXTS)
def test_a_quote_across_lines(tmp_path: Path, kind: str) -> None:
    rest = ",".join(ROWS[kind][0][1:])
    told = refused(tmp_path, kind, lines(kind) + f'"two\nlines,{rest}\nx,{rest}\n')
    assert told.startswith(":4:1: a quote opens here and never closes; close it, or double quotes")
    path = tmp_path / "closed.csv"
    path.write_text(lines(kind) + f'"two\nlines",{rest}\n')
    assert read_own(path, kind, {}).items.texts[2][0] == "two lines"


@pytest.mark.parametrize("kind", TEXTS)
def test_only_a_header_and_nothing_at_all(tmp_path: Path, kind: str) -> None:
    assert refused(tmp_path, kind, "").startswith(":1: the file is empty")
    assert refused(tmp_path, kind, ",".join(HEADERS[kind])).startswith(":2: no rows; write a row for each item")


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet"])
def test_too_many_rows(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 20)
    told = ": more than 20 rows, which is the most that ablate reads; write a file with a random sample of them"
    if name.endswith("parquet"):
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow.parquet import write_table

        def content(rows: int) -> bytes:
            sink = pyarrow.BufferOutputStream()
            write_table(pyarrow.table({"text": ["x"] * rows, "label": ["a", "b"] * (rows // 2)}), sink)
            return bytes(sink.getvalue())
    else:

        def content(rows: int) -> bytes:
            mark = "," if name.endswith("csv") else "\t"
            if name.endswith("jsonl"):
                return b"".join(b'{"text": "x", "label": "%d"}\n' % (i % 2) for i in range(rows))
            return f"text{mark}label\n".encode() + b"".join(f"x{mark}{i % 2}\n".encode() for i in range(rows))

    assert refused(tmp_path, "classification", content(22), name) == told
    (tmp_path / name).write_bytes(content(20))
    assert len(read_own(tmp_path / name, "classification", {}).items) == 20
    # More lines than the bound, and not more rows.
    (tmp_path / "long.csv").write_text('text,label\n"x\n\n\n",1\n' + '"x\n\n",0\n' * 8)
    assert len(read_own(tmp_path / "long.csv", "classification", {}).items) == 9


def test_ten_million_lines_are_refused_in_seconds(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        file.write(b"text1,text2,score\n")
        for _ in range(100):
            file.write(b"a text,another one,3\n" * 100_000)
    started = time.perf_counter()
    with pytest.raises(DataError, match=f": more than {MOST_ROWS:,} rows, which is the most that ablate reads"):
        read_own(path, "sts", {})
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("kind", TEXTS)
def test_a_hundred_thousand_rows_in_seconds(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t.csv"
    golds = {"sts": 6, "pairs": 2}.get(kind, 50)
    texts = len(HEADERS[kind]) - 1
    with path.open("w") as file:
        file.write(",".join(HEADERS[kind]) + "\n")
        for i in range(100_000):
            file.write(",".join([*(f"text {k} of {i}" for k in range(texts)), str(i % golds)]) + "\n")
    started = time.perf_counter()
    assert len(read_own(path, kind, {}).items) == 100_000
    assert time.perf_counter() - started < 8


@pytest.mark.parametrize(
    ("kind", "content", "told"),
    [
        (
            "triplets",
            "anchor,positive,negative\na,b,c\nd,e,e\n",
            ":3: positive and negative are one text; name another",
        ),
        ("sts", "sentence1,sentence2,score\na,b,1_0\nc,d,2\n", ":2:5: 'score' is '1_0', no number; write one"),
    ],
)
def test_rows_that_no_model_can_get_right(tmp_path: Path, kind: str, content: str, told: str) -> None:
    assert refused(tmp_path, kind, content).startswith(told)


def test_objects_that_python_cannot_hold(tmp_path: Path) -> None:
    digits = '{"sentence1": "a", "sentence2": "b", "score": ' + "1" * 5000 + "}\n"
    assert refused(tmp_path, "sts", digits, "t.jsonl").startswith(":1:1: not JSON: Exceeds the limit")
    twice = '{"sentence1": "a", "sentence2": "b", "score": 1, "score": 2}\n'
    assert refused(tmp_path, "sts", twice, "t.jsonl").startswith(":1:1: 'score' stands twice in the object; rename one")
    half = '{"sentence1": "a \\ud800", "sentence2": "b", "score": 1}\n'
    told = refused(tmp_path, "sts", half, "t.jsonl")
    assert told.startswith(":1:2: half of a surrogate pair in 'sentence1'; remove the character")


def test_a_nul_has_its_place(tmp_path: Path) -> None:
    told = refused(tmp_path, "sts", "sentence1,sentence2,score\na,b,1\nc\0,d,2\n")
    assert told.startswith(":3:2: a NUL character, as UTF-16 and files that are no text have; save")
