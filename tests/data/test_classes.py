"""The transfer sets of a SentEval folder: as SentEval reads them, and each thing that can be wrong."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ablate.data.classes import CLASS_SETS, ClassSet
from ablate.data.embedded import Embedded
from ablate.data.hub import HubCache
from ablate.data.items import ItemSet
from ablate.data.senteval import SentEval
from ablate.data.sources import expand
from ablate.errors import DataError


def write(folder: Path, file: str, text: str | bytes) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def read(folder: Path, name: str) -> ClassSet:
    found = SentEval(folder).load(name)
    assert isinstance(found, ClassSet)
    return found


def test_a_file_a_class_in_latin_1_and_an_empty_line_stays(tmp_path: Path) -> None:
    write(tmp_path, "CR/custrev.neg", b"bad  \t phone\n\n")
    write(tmp_path, "CR/custrev.pos", "très bon\n".encode("latin-1"))
    found = read(tmp_path, "cr")
    assert found.texts == (("bad phone",), ("",), ("très bon",))
    assert found.gold.tolist() == [0, 0, 1]
    assert (found.train, found.dev, found.split) == (None, None, "test")
    assert found.sentences == ("bad phone", "", "très bon")


def test_parts_are_embedded_but_not_judged(tmp_path: Path) -> None:
    for part in ("train", "dev", "test"):
        write(tmp_path, f"SST/binary/sentiment-{part}", f"good {part} .\t1\nbad one\t0\n")
    found = read(tmp_path, "sst2")
    assert found.texts == (("good test .",), ("bad one",))
    assert found.gold.tolist() == [1, 0]
    assert isinstance(found.train, ItemSet)
    assert isinstance(found.dev, ItemSet)
    assert found.train.texts == (("good train .",), ("bad one",))
    assert found.sentences == ("good test .", "bad one", "good train .", "good dev .")
    assert len(found.keys) == len(found) == 2


def test_the_hash_is_of_all_parts(tmp_path: Path) -> None:
    hashes = set()
    for train in ("a\t1\nb\t0\n", "a\t0\nb\t1\n", "a\t1\nc\t0\n"):
        for part in ("dev", "test"):
            write(tmp_path, f"SST/binary/sentiment-{part}", "x\t1\ny\t0\n")
        write(tmp_path, "SST/binary/sentiment-train", train)
        hashes |= {read(tmp_path, "sst2").hash, read(tmp_path, "sst2").hash}
    assert len(hashes) == 3


def test_questions_and_paraphrases(tmp_path: Path) -> None:
    write(tmp_path, "TREC/train_5500.label", b"ABBR:exp What is \xf1 ?\nNUM:date When ?\n")
    write(tmp_path, "TREC/TREC_10.label", "LOC:city Where  to ?\nABBR:exp What ?\n")
    found = read(tmp_path, "trec")
    assert found.texts == (("Where to ?",), ("What ?",))
    assert found.gold.tolist() == [4, 0]
    assert isinstance(found.train, ItemSet)
    assert found.train.texts[0] == ("What is ñ ?",)
    for part in ("train", "test"):
        write(tmp_path, f"MRPC/msr_paraphrase_{part}.txt", "\ufeffQuality\t1\t2\tA\tB\n1\t1\t2\ta\tb\n0\t1\t2\ta\tc\n")
    paraphrases = read(tmp_path, "mrpc")
    assert (paraphrases.left, paraphrases.right) == (("a", "a"), ("b", "c"))
    assert paraphrases.gold.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("name", "file", "text", "message"),
    [
        ("cr", "CR/custrev.neg", "", "custrev.neg:1: the file is empty"),
        ("cr", "CR/custrev.neg", None, "custrev.neg: No such file"),
        ("sst2", "SST/binary/sentiment-dev", "good\t1\nbad\n", "sentiment-dev:2: 1 tab-separated columns, expected 2"),
        ("sst2", "SST/binary/sentiment-dev", "good\t2\n", "sentiment-dev:1: class '2' is neither 0 nor 1"),
        ("sst2", "SST/binary/sentiment-dev", "good\t1\n", "sentiment-dev: fewer than two classes in 1 lines"),
        ("sst2", "SST/binary/sentiment-dev", b"\xff\t1\n", "sentiment-dev:1: not UTF-8"),
        ("trec", "TREC/TREC_10.label", "LOC:city Where ?\nXYZ:a b\n", "TREC_10.label:2: not `COARSE:fine question`"),
        ("trec", "TREC/TREC_10.label", "LOC\n", "TREC_10.label:1: not `COARSE:fine question`"),
        ("mrpc", "MRPC/msr_paraphrase_test.txt", "1\t1\t2\ta\tb\n", "test.txt:1: this should be the header line"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, name: str, file: str, text: str | bytes | None, message: str
) -> None:
    write(tmp_path, "CR/custrev.pos", "good\n")
    write(tmp_path, "TREC/train_5500.label", "LOC:city Where ?\nABBR:exp What ?\n")
    for part in ("train", "test"):
        write(tmp_path, f"SST/binary/sentiment-{part}", "good\t1\nbad\t0\n")
        write(tmp_path, f"MRPC/msr_paraphrase_{part}.txt", "Quality\t1\t2\tA\tB\n1\t1\t2\ta\tb\n0\t1\t2\ta\tc\n")
    if text is not None:
        write(tmp_path, file, text)
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        read(tmp_path, name)


def test_a_group_that_the_source_lacks_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'mr' \(of the group 'transfer'\) is not in .* from senteval \(set ABLATE"):
        expand(["transfer"], HubCache(tmp_path))
    assert expand(["transfer"], Embedded()) == ("synthetic-tense",)


@pytest.mark.skipif(not os.environ.get("ABLATE_DATA"), reason="ABLATE_DATA is not set")
def test_standard_counts() -> None:
    source = SentEval(Path(os.environ["ABLATE_DATA"]))
    found = {name: source.load(name) for name in CLASS_SETS}
    assert {name: len(data) for name, data in found.items()} == dict(CLASS_SETS)
    parts = {name: [len(part) for part in data.parts] for name, data in found.items() if isinstance(data, ClassSet)}
    assert parts["sst2"] == [67349, 872]
    assert parts["trec"] == [5452]
    assert parts["mrpc"] == [4076]
    assert all(set(np.unique(data.gold)) == {0, 1} for name, data in found.items() if name != "trec")
