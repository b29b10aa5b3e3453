"""`ablate data check` says what a file is taken for, and its last line is a recipe's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablate.data.check import report
from ablate.errors import DataError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("text1,text2,score\na,b,1\nB!,A,3\nc,c,5\n")
    Path("b.csv").write_text("text1,text2,label\na,x,1\nb,a,0\nc,z,0\nc,y,0\n")
    return tmp_path


def test_of_two_files(folder: Path) -> None:  # noqa: ARG001
    lines = list(report([Path("a.csv"), Path("b.csv")], None, []))
    assert lines[0].startswith("a.csv: sts (guessed), 3 rows, sha256 ")
    assert lines[1:7] == [
        "  columns: first = text1, second = text2, score = score",
        "  texts: 5 different ones",
        "  scores: 1 to 5, median 3, 3 different ones",
        "  repeated: 1 of the rows (case, spaces and punctuation do not count); equal rows count as one cluster; items with "
        "several scores: 1",
        "  near-duplicates: none",
        "  rows with one text twice: 1",
    ]
    assert lines[7] == (
        '  recipe: tasks: {"my-a": {kind: sts, file: "a.csv", columns: {first: "text1", second: "text2", '
        'score: "score"}}}'
    )
    assert "  labels: 1 are 1 and 3 are 0; cosines at random give an average precision of about 25.0" in lines
    assert lines[-1] == "  near-duplicates: none"
    assert lines[-2].startswith("a.csv and b.csv: 1 pairs of texts in both; in a run, those that have chosen are left")


def test_what_is_given_is_taken(folder: Path) -> None:  # noqa: ARG001
    lines = list(report([Path("b.csv")], "sts", ["score=label", "first=text2"]))
    assert lines[0].startswith("b.csv: sts, 4 rows")
    assert lines[1] == "  columns: first = text2, second = text1, score = label"


def test_of_queries(folder: Path) -> None:  # noqa: ARG001
    Path("q.tsv").write_text("query\tpositive\nq\ta\nq\tb\np\tc\n")
    lines = list(report([Path("q.tsv")], None, []))
    assert lines[0].startswith("q.tsv: retrieval (guessed), 2 queries, sha256 ")
    assert "  corpus: 3 documents, of which queries have 3 relevant ones" in lines


def test_of_a_beir_folder(folder: Path) -> None:
    (folder / "set" / "qrels").mkdir(parents=True)
    for name in ("corpus", "queries"):
        Path(f"set/{name}.jsonl").write_text("".join(f'{{"_id": "{i}", "text": "{name} {i}"}}\n' for i in range(4)))
    Path("set/qrels/dev.tsv").write_text("query-id\tcorpus-id\tscore\n0\t1\t1\n")
    Path("set/qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n0\t1\t1\n1\t1\t2\n1\t0\t1\n")
    lines = list(report([Path("set")], None, []))
    assert lines[0].startswith("set, qrels dev: retrieval (guessed), 1 queries, sha256 ")
    assert "  left out: 3 queries without a relevant document in these qrels" in lines
    assert "  corpus: 4 documents, of which queries have 3 relevant ones" in lines
    assert '  recipe: tasks: {"my-set": {kind: retrieval, file: "set", qrels: "test"}}' in lines
    assert lines[-2].startswith("set, qrels dev and set, qrels test: 2 pairs of texts in both; in a run, ")


def test_of_classes(folder: Path) -> None:  # noqa: ARG001
    Path("c.jsonl").write_text("".join(f'{{"text": "t {i}", "intent": "{"ab"[i > 2]}"}}\n' for i in range(9)))
    for kind in (None, "clustering"):
        lines = list(report([Path("c.jsonl")], kind, []))
        assert lines[0].startswith(f"c.jsonl: {kind or 'classification (guessed)'}, 9 rows")
        assert lines[1:4] == [
            "  columns: text = text, label = intent",
            "  texts: 9 different ones",
            "  classes: 2, from 3 texts of 'a' to 6 of 'b'",
        ]


@pytest.mark.parametrize(
    ("kind", "columns", "told"),
    [
        ("stss", [], "--kind stss: no kind of file; did you mean 'sts'?"),
        ("sts", ["scores=label"], "--column scores=label: kind sts has no 'scores'; did you mean 'score'?"),
        ("sts", ["score"], "--column score: not of the form ROLE=NAME"),
    ],
)
def test_refused(folder: Path, kind: str, columns: list[str], told: str) -> None:  # noqa: ARG001
    with pytest.raises(DataError) as refused:
        list(report([Path("b.csv")], kind, columns))
    assert str(refused.value).startswith(told)


def test_near_duplicates_have_an_example(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    base, other = "Where is the invoice of last month?", "How do I reset the password of my account?"
    Path("a.csv").write_text(f"text1,text2,score\n{base},{other},1\nx,y,3\n{other},{base[:-1]}s,5\nx,z,4\n")
    Path("b.csv").write_text(f"text1,text2,score\nz,y,3\n{other}!,{base[:-1]}d,5\n{base},{other},4\n{base},y,1\n")
    lines = list(report([Path("a.csv"), Path("b.csv")], None, []))
    assert lines[5] == (
        "  near-duplicates: 2 of the rows are almost another row (similarity 0.8 or more), such as rows 1 and 3: "
        f"'{base}' and '{base[:-1]}s'"
    )
    # Row 3 of b.csv is row 1 of a.csv, and counts as a pair in both.
    assert lines[-1] == (
        "  near-duplicates: 1 rows of the second are almost rows of the first (similarity 0.8 or more), such as rows 2 "
        f"and 1: '{base[:-1]}d' and '{base}'"
    )
    monkeypatch.setattr("ablate.data.check_near.MOST", 5)
    assert "  near-duplicates: not looked for in more than" in list(report([Path("a.csv")], None, []))[5]


def test_a_column_of_splits(folder: Path) -> None:  # noqa: ARG001
    Path("s.csv").write_text("text1,text2,score,fold\na,b,1,train\nc,d,3,test\ne,f,2,Train\n")
    lines = list(report([Path("s.csv")], None, []))
    assert "  parts: train 2, test 1 rows, by column fold" in lines
    assert lines[-1].endswith('score: "score"}, part: {column: "fold"}}}')
