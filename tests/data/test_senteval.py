"""SentEval folders: the real one for counts and overlap, hand-made ones for each thing that can be wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ablate.data.classes import PART_SIZES, ClassSet
from ablate.data.items import ItemSet, Key
from ablate.data.senteval import SUBSETS, SentEval
from ablate.data.standard import SETS
from ablate.errors import DataError

YEARS = tuple(SUBSETS)
needs_data = pytest.mark.skipif(not os.environ.get("ABLATE_DATA"), reason="ABLATE_DATA is not set")


@pytest.fixture(scope="module")
def real() -> dict[str, ItemSet]:
    source = SentEval(Path(os.environ["ABLATE_DATA"]))
    assert source.names() == tuple(SETS)
    return {name: source.load(name) for name in source.names()}


@needs_data
def test_standard_counts(real: dict[str, ItemSet]) -> None:
    counts = [3108, 1500, 3750, 3000, 1186, 1379, 1500, 5749, 4927, 500, 4500]
    counts += [10662, 3775, 10000, 10606, 1821, 500, 1725]
    assert [len(real[name]) for name in SETS] == counts == list(SETS.values())
    parts = [part for data in real.values() if isinstance(data, ClassSet) for part in data.parts]
    assert {part.name: len(part) for part in parts} == PART_SIZES
    assert {data.deviation for data in real.values()} == {""}
    assert tuple(dict.fromkeys(real["sts12"].subsets)) == SUBSETS["sts12"]
    assert real["sts12"].subsets.count("SMTeuroparl") == 459
    assert {name: real[name].split for name in ("sickr", "sickr-dev", "sickr-train")} == {
        "sickr": "test",
        "sickr-dev": "dev",
        "sickr-train": "train",
    }
    assert real["sickr"].gold.min() == 1
    assert real["stsb"].gold.min() == 0
    assert real["stsb-dev"].left[0] == "a man with a hard hat is dancing ."


@needs_data
def test_overlap_is_the_designs(real: dict[str, ItemSet]) -> None:
    """The figures of the design's section on leakage, in per cent or pairs."""

    def percent(name: str, seen: set[Key]) -> float:
        return 100 * sum(key in seen for key in real[name].keys) / len(real[name])

    tests = {key for name in YEARS for key in real[name].keys}
    inside = [percent(name, tests) for name in ("stsb-dev", "stsb-train", "stsb")]
    assert inside == pytest.approx([75, 83, 73], abs=0.5)
    dev, train = set(real["stsb-dev"].keys), set(real["stsb-train"].keys)
    assert [percent(name, dev) for name in YEARS] == pytest.approx([8, 5, 5, 19, 2], abs=0.5)
    assert [percent(name, train) for name in YEARS] == pytest.approx([32, 40, 50, 37, 17], abs=0.5)
    pairs = [[sum(key in seen for key in real[name].keys) for name in ("stsb", "sickr")] for seen in (dev, train)]
    assert pairs == [[4, 10], [12, 55]]


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def benchmark(folder: Path, *rows: str) -> Path:
    return write(folder / "STS/STSBenchmark/sts-test.csv", "".join(f"g\tf\ty\t0\t{row}\n" for row in rows))


def sick(folder: Path, *rows: str, header: str = "id\tA\tB\tscore\tjudgment") -> Path:
    return write(folder / "SICK/SICK_trial.txt", "".join(f"{row}\r\n" for row in (header, *rows)))


def sts13(folder: Path, scores: str, sentences: str) -> Path:
    """Three subsets, FNWN as given."""
    year = folder / "STS/STS13-en-test"
    for subset in SUBSETS["sts13"]:
        write(year / f"STS.gs.{subset}.txt", scores if subset == "FNWN" else "5\n")
        write(year / f"STS.input.{subset}.txt", sentences if subset == "FNWN" else f"{subset}\tsame\n")
    write(year / "STS.gs.SMT.txt", "1\n")
    return year


def test_subsets_in_order_without_unscored_pairs_and_smt(tmp_path: Path) -> None:
    sts13(tmp_path, "1.5\n\n0\n", 'he said "yes\tshe  said no "\nx\ty\na\u2028b\x85c\td\n')
    source = SentEval(tmp_path)
    assert source.names() == ("sts13",)
    pairs = source.load("sts13")
    assert pairs.left == ('he said "yes', "a b c", "headlines", "OnWN")
    assert pairs.right == ('she said no "', "d", "same", "same")
    assert pairs.gold.tolist() == [1.5, 0, 5, 5]
    assert pairs.subsets == ("FNWN", "FNWN", "headlines", "OnWN")
    assert (pairs.name, pairs.split, pairs.source) == ("sts13", "test", "senteval")


def test_sick_skips_its_header_and_reads_crlf(tmp_path: Path) -> None:
    sick(tmp_path, "4\tone\ttwo\t3.6\tNEUTRAL")
    pairs = SentEval(tmp_path).load("sickr-dev")
    assert (pairs.left, pairs.right, pairs.gold.tolist()) == (("one",), ("two",), [3.6])
    assert pairs.split == "dev"


def test_benchmark_subsets_are_its_genres(tmp_path: Path) -> None:
    benchmark(tmp_path, "0\ta\tb", "5.000\tc\td")
    pairs = SentEval(tmp_path).load("stsb")
    assert (pairs.left, pairs.right, pairs.subsets) == (("a", "c"), ("b", "d"), ("g", "g"))


WHOLE = "".join(f"g\tf\ty\t{i}\t{i % 5}\ta {i}\tb {i}\n" for i in range(1379))


@pytest.mark.parametrize(
    "content",
    [
        WHOLE,
        WHOLE.removesuffix("\n"),
        WHOLE + "\n \n\n",
        "\ufeff" + WHOLE,
        WHOLE.replace("\n", "\r\n"),
        # As the publisher ships it: the sources of the sentences stand in further columns of some lines.
        "".join(
            f"{line}\thttp://one\thttp://two\n" if i % 3 else f"{line}\n"
            for i, line in enumerate(WHOLE.split("\n")[:-1])
        ),
    ],
    ids=["plain", "no end", "blank lines", "byte-order mark", "CRLF", "more columns"],
)
def test_a_whole_file_is_read_however_it_ends(tmp_path: Path, content: str) -> None:
    write(tmp_path / "STS/STSBenchmark/sts-test.csv", content)
    pairs = SentEval(tmp_path).load("stsb")
    assert pairs.texts == tuple((f"a {i}", f"b {i}") for i in range(1379))
    assert pairs.gold.tolist() == [i % 5 for i in range(1379)]
    assert pairs.deviation == ""


def test_a_set_of_another_size_than_the_published_one_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "STS/STSBenchmark/sts-test.csv", "".join(WHOLE.splitlines(keepends=True)[:1000]))
    short = SentEval(tmp_path).load("stsb")
    assert short.deviation == "1,000 pairs, and the standard set has 1,379"
    write(path, WHOLE * 2)
    assert SentEval(tmp_path).load("stsb").deviation == "2,758 pairs, and the standard set has 1,379"
    assert short.hash == replace(short, deviation="").hash


@pytest.mark.parametrize(
    ("scores", "sentences"), [("1\n\n", "a\tb\nc\td"), ("1\n\n\n\n", "a\tb\nc\td\n\n"), ("1\n\n", "a\tb\nc\td\n")]
)
def test_blank_lines_at_the_end_of_a_subset(tmp_path: Path, scores: str, sentences: str) -> None:
    sts13(tmp_path, scores, sentences)
    pairs = SentEval(tmp_path).load("sts13")
    assert [texts for texts, subset in zip(pairs.texts, pairs.subsets, strict=True) if subset == "FNWN"] == [("a", "b")]


@pytest.mark.parametrize(
    ("row", "place", "message"),
    [
        ("high\ta\tb", 2, "gold score 'high' is not a number"),
        ("nan\ta\tb", 2, "gold score 'nan' is not a number"),
        ("inf\ta\tb", 2, "gold score 'inf' is not a number"),
        ("\ta\tb", 2, "gold score '' is not a number"),
        ("5.1\ta\tb", 2, "gold score 5.1 is outside 0 to 5"),
        ("-1\ta\tb", 2, "gold score -1 is outside 0 to 5"),
        ("3\ta", 2, "6 tab-separated columns, expected at least 7"),
        ("3\t \tb", 2, "an empty sentence"),
    ],
)
def test_malformed_row(tmp_path: Path, row: str, place: int, message: str) -> None:
    path = benchmark(tmp_path, "1\tgood\tgood", row)
    with pytest.raises(DataError) as caught:
        SentEval(tmp_path).load("stsb")
    assert str(caught.value).startswith(f"{path}:{place}: {message}; ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "1: the file is empty"),
        (b"\r\n \n", "1: the file is empty"),
        (b"g\tf\ty\t0\t1\ta\tb\ng\tf\ty\t0\t1\t\xe9\tb\n", "2: not UTF-8"),
    ],
)
def test_malformed_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = write(tmp_path / "STS/STSBenchmark/sts-test.csv", content)
    with pytest.raises(DataError) as caught:
        SentEval(tmp_path).load("stsb")
    assert str(caught.value).startswith(f"{path}:{message}")


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["1\ta\tb\t0.5\tNEUTRAL"], "id\tA\tB\tscore\tjudgment", "2: gold score 0.5 is outside 1 to 5"),
        ([], "id\tA\tB\tscore\tjudgment", "2: there is only a header"),
        (["1\ta\tb\t2\tNEUTRAL"], "7\tc\td\t3.5\tNEUTRAL", "1: this should be the header line"),
    ],
)
def test_malformed_sick(tmp_path: Path, rows: list[str], header: str, message: str) -> None:
    path = sick(tmp_path, *rows, header=header)
    with pytest.raises(DataError) as caught:
        SentEval(tmp_path).load("sickr-dev")
    assert str(caught.value).startswith(f"{path}:{message}")


@pytest.mark.parametrize(
    ("scores", "sentences", "place"),
    [
        ("1\n2\n", "a\tb\nc\td\ne\tf\n", "STS.input.FNWN.txt:3: 3 pairs, but 2 lines in STS.gs.FNWN.txt"),
        ("1\n2\n3\n", "a\tb\nc\td\n", "STS.input.FNWN.txt:3: 2 pairs, but 3 lines in STS.gs.FNWN.txt"),
        ("1\n\n", "a\tb\nc\n", "STS.input.FNWN.txt:2: 1 tab-separated columns, expected 2"),
        ("1\n9\n", "a\tb\nc\td\n", "STS.gs.FNWN.txt:2: gold score 9 is outside 0 to 5"),
        ("\n\n", "a\tb\nc\td\n", "STS.gs.FNWN.txt:1: no pair has a gold score"),
    ],
)
def test_malformed_subset(tmp_path: Path, scores: str, sentences: str, place: str) -> None:
    year = sts13(tmp_path, scores, sentences)
    with pytest.raises(DataError) as caught:
        SentEval(tmp_path).load("sts13")
    assert str(caught.value).startswith(f"{year}{os.sep}{place}")


def test_missing_subset_is_named(tmp_path: Path) -> None:
    year = sts13(tmp_path, "1\n", "a\tb\n")
    (year / "STS.gs.OnWN.txt").unlink()
    assert SentEval(tmp_path).names() == ("sts13",)
    with pytest.raises(DataError, match=r"STS\.gs\.OnWN\.txt: No such file"):
        SentEval(tmp_path).load("sts13")


def test_missing_folder_and_unknown_name(tmp_path: Path) -> None:
    source = SentEval(tmp_path / "nowhere")
    assert source.names() == ()
    with pytest.raises(DataError, match=r"SICK_trial\.txt: No such file"):
        source.load("sickr-dev")
    with pytest.raises(DataError, match="did you mean 'sts16'"):
        source.load("sts17")
