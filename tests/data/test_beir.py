"""A BEIR folder becomes queries with their documents, or one line that says what is wrong with it, where, and what to do."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ablate.data.own import OwnFile, read_own
from ablate.data.queries import QuerySet
from ablate.errors import DataError

CORPUS = '{"_id": "d1", "title": "T", "text": " a  b "}\n{"_id": 2, "text": "c"}\n'
QUERIES = '{"_id": "q1", "text": "x"}\n{"_id": "q2", "text": "y"}\n{"_id": "q3", "text": "z"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq2\t2\t1\nq1\td1\t2\nq1\t2\t1\nq3\td1\t0\n"


def written(folder: Path, corpus: str = CORPUS, queries: str = QUERIES, qrels: str = QRELS) -> Path:
    (folder / "qrels").mkdir(exist_ok=True)
    for name, content in (("corpus.jsonl", corpus), ("queries.jsonl", queries), ("qrels/test.tsv", qrels)):
        (folder / name).write_text(content)
    return folder


def read(folder: Path) -> OwnFile:
    return read_own(folder, "retrieval", {}, "test")


def test_it_is_read(tmp_path: Path) -> None:
    file = read(written(tmp_path))
    items = file.as_set("mine", "test")
    assert isinstance(items, QuerySet)
    assert items.texts == (("x",), ("y",))
    assert items.documents == ("T a b", "c")
    assert items.relevant == ({0: 2.0, 1: 1.0}, {1: 1.0})
    assert (file.left_out, file.qrels, dict(file.columns)) == (1, "test", {})
    assert items.source == f"{tmp_path.name} (sha256 {file.sha256[:12]})"
    assert read(tmp_path) is file
    assert read(written(tmp_path, corpus=CORPUS.replace("c", "d"))).sha256 != file.sha256


def test_a_title_that_the_first_document_lacks_is_read(tmp_path: Path) -> None:
    lines = CORPUS.splitlines()
    file = read(written(tmp_path, corpus="\n".join(reversed(lines))))
    assert isinstance(file.items, QuerySet)
    assert file.items.documents == ("c", "T a b")


@pytest.mark.parametrize(
    ("part", "content", "told"),
    [
        ("corpus", "", "corpus.jsonl:1: the file is empty"),
        ("corpus", '{"id": "d1", "text": "a"}', "corpus.jsonl:1: no '_id' in the object, which has id, text, title"),
        ("corpus", CORPUS + '{"_id": "d1", "text": "e"}', "corpus.jsonl:3:2: the id 'd1' is that of line 1 too"),
        ("corpus", CORPUS + '{"_id": "d3", "text": " "}', "corpus.jsonl:3:15: 'd3' has no text; write one"),
        ("corpus", CORPUS + '{"_id": "d3", "text": 5}', "corpus.jsonl:3:15: 'text' is 5, which is no text"),
        ("corpus", CORPUS + '{"_id": null, "text": "a"}', "corpus.jsonl:3:2: '_id' is None, which is no id"),
        ("corpus", CORPUS + '{"_id": "d3", "te', "corpus.jsonl:3:15: not JSON"),
        ("queries", QUERIES + '{"_id": "q1", "text": "e"}', "queries.jsonl:4:2: the id 'q1' is that of line 1 too"),
        ("qrels", QRELS + "q9\td1\t1\n", "qrels/test.tsv:6:1: 'q9' is in no line of {folder}/queries.jsonl; correct"),
        ("qrels", QRELS + "q1\td9\t1\n", "qrels/test.tsv:6:4: 'd9' is in no line of {folder}/corpus.jsonl; correct"),
        ("qrels", QRELS + "q1\t2\t1\n", "qrels/test.tsv:6: the same query and document as in line 4"),
        ("qrels", QRELS + "q1\t2\n", "qrels/test.tsv:6: 2 cells, and the header has 3"),
        ("qrels", QRELS + "q2\td1\thigh\n", "qrels/test.tsv:6:7: 'score' is 'high', no number; write 1"),
        ("qrels", QRELS[QRELS.index("\n") + 1 :], "qrels/test.tsv:1:4: no header: '2' is no name"),
        (
            "qrels",
            "q\td\tscore\n",
            "qrels/test.tsv:1: no column 'query-id'; the header of qrels is query-id, corpus-id",
        ),
        (
            "qrels",
            "query-id\tcorpus-id\tscore\nq1\td1\t0\n",
            "qrels/test.tsv: no query has a document with a score above",
        ),
    ],
)
def test_a_bad_folder_is_refused_with_its_place(tmp_path: Path, part: str, content: str, told: str) -> None:
    folder = written(tmp_path, **{part: content})
    with pytest.raises(DataError) as refused:
        read(folder)
    assert str(refused.value).startswith(f"{folder}/{told.format(folder=folder)}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path)
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{folder}/{name}: is not there; "):
        read(folder)


def test_a_folder_is_of_one_kind_and_has_no_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a BEIR folder, which is of kind retrieval; name a file"):
        read_own(written(tmp_path), "sts", {})
    with pytest.raises(DataError, match="a BEIR folder has no columns to name"):
        read_own(tmp_path, "retrieval", {"query": "text"}, "test")


def test_a_hundred_thousand_documents_in_seconds(tmp_path: Path) -> None:
    documents = "".join(json.dumps({"_id": f"d{i}", "title": "", "text": f"text {i}"}) + "\n" for i in range(100_000))
    folder = written(tmp_path, documents, QUERIES, "query-id\tcorpus-id\tscore\nq1\td7\t1\n")
    started = time.perf_counter()
    assert isinstance(read(folder).items, QuerySet)
    assert time.perf_counter() - started < 15
