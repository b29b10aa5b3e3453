"""Drawing the calibration set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablate.data.calibration import Calibration, CalibrationSpec, calibrate, read_pairs
from ablate.data.items import ItemSet, pair_key
from ablate.errors import DataError
from tests.bench import Pair, pairs

TRAIN = pairs(0, 80)


def pair_set(content: list[Pair]) -> ItemSet:
    texts, gold = tuple((a, b) for a, b, _ in content), np.array([gold for *_, gold in content])
    return ItemSet("stsb-train", "train", "senteval", texts, gold, ("",) * len(content))


def draw(content: list[Pair] = TRAIN, **given: Any) -> Calibration:
    return calibrate(CalibrationSpec.model_validate({"pairs": 8, "sentences": 12, **given}), [pair_set(content)])


def test_gold_positives_are_pairs_strictly_above_four() -> None:
    content = [("a", "b", 4.0), ("c", "d", 4.01), ("e", "f", 5.0), ("g", "h", 3.99), ("i", "j", 0.0)]
    drawn = draw(content)
    assert set(drawn.pairs) == {("c", "d"), ("e", "f")}
    assert set(drawn.sentences) == set("abcdefghij")
    assert drawn.dropout is False


def test_what_is_drawn_is_distinct_and_as_many_as_asked() -> None:
    twice = [*TRAIN, *TRAIN]
    drawn = draw(twice)
    assert (len(drawn.pairs), len(drawn.sentences)) == (8, 12)
    assert (len(set(drawn.pairs)), len(set(drawn.sentences))) == (8, 12)
    assert drawn.pairs == draw().pairs
    everything = draw(twice, pairs=10_000, sentences=10_000)
    assert len(everything.pairs) == sum(gold > 4 for *_, gold in TRAIN)
    assert len(everything.sentences) == len({s for pair in TRAIN for s in pair[:2]})


def test_the_same_seed_draws_the_same_whatever_the_order_of_the_data() -> None:
    assert draw() == draw(TRAIN[::-1])
    assert draw().hash == draw(TRAIN[::-1]).hash
    other = draw(calibration_seed=1)
    assert set(other.pairs) != set(draw().pairs)
    assert set(other.sentences) != set(draw().sentences)


@pytest.mark.parametrize("positives", ["gold", "dropout"])
def test_pairs_and_sentences_are_drawn_apart_and_fewer_are_the_first_of_more(positives: str) -> None:
    few = draw(positives=positives)
    more_pairs, more_sentences = draw(positives=positives, pairs=11), draw(positives=positives, sentences=30)
    assert more_pairs.sentences == few.sentences
    assert more_sentences.pairs == few.pairs
    assert more_pairs.pairs[:8] == few.pairs
    assert more_sentences.sentences[:12] == few.sentences


def test_dropout_pairs_are_sentences_with_themselves_and_need_no_gold() -> None:
    unlabeled = [(a, b, 0.0) for a, b, _ in TRAIN]
    drawn = draw(unlabeled, positives="dropout", pairs=40, sentences=2)
    assert drawn.dropout is True
    assert len(drawn.pairs) == 40
    assert all(a == b for a, b in drawn.pairs)
    scorer_tasks = {a for a, _ in drawn.pairs} | set(drawn.sentences)
    assert {pair_key(a, b) for a, b, _ in TRAIN if {a, b} & scorer_tasks} <= drawn.seen
    assert not any(pair_key(a, b) in drawn.seen for a, b, _ in TRAIN if not {a, b} & scorer_tasks and a != b)


def test_seen_are_the_positives_and_every_pair_with_a_calibration_sentence() -> None:
    drawn = draw()
    expected = {pair_key(a, b) for a, b in drawn.pairs}
    expected |= {pair_key(a, b) for a, b, _ in TRAIN if a in drawn.sentences or b in drawn.sentences}
    assert drawn.seen == expected
    assert len(drawn.seen) < len(TRAIN)


def test_a_file_of_pairs(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("\ufeffa cat\tthe cat\r\na “dog”\tthe dog\r\n", encoding="utf-8")
    drawn = calibrate(CalibrationSpec.model_validate({"positives": {"file": str(file)}}), [])
    assert set(drawn.pairs) == {("a cat", "the cat"), ("a “dog”", "the dog")}
    assert set(drawn.sentences) == {"a cat", "the cat", "a “dog”", "the dog"}
    assert drawn.seen == {("acat", "thecat"), ("adog", "thedog")}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r":1: 1 columns; a pair is two tab-separated sentences"),
        (b"a\tb\nc\n", r":2: 1 columns"),
        (b"a\tb\tc\n", r":1: 3 columns"),
        (b"a\t \n", r":1: 2 columns"),
        (b"a\tb\n\nc\td\n", r":2: 1 columns"),
        (b"\xff\xfe\tb\n", r": cannot be read as UTF-8 text"),
        (None, r": no such file of positive pairs; check calibration\.positives\.file"),
    ],
)
def test_a_malformed_file_is_one_line_with_its_place(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "pairs.tsv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match=rf"^{file}{message}") as raised:
        read_pairs(file)
    assert "\n" not in str(raised.value)


def test_too_little_to_calibrate_on_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("same\tsame\n")
    with pytest.raises(DataError, match=r"needs 1 positive pair \(gold above 4\) and 2 sentences, and found 0 and 2"):
        draw([("a", "b", 4.0)])
    with pytest.raises(
        DataError, match=r"needs 1 positive pair and 2 sentences, and found 1 and 1.*give your own pairs"
    ):
        calibrate(CalibrationSpec.model_validate({"positives": {"file": str(file)}}), [])


def test_the_hash_is_of_all_that_a_contribution_can_depend_on() -> None:
    base = draw()
    for change in (
        {"batch_size": 4},
        {"pairs": 7},
        {"sentences": 11},
        {"calibration_seed": 1},
        {"positives": "dropout"},
    ):
        assert draw(**change).hash != base.hash, change
    assert draw(positives="dropout", calibration_seed=1).hash != draw(positives="dropout").hash
    assert draw([(a, b, min(gold + 0.01, 5)) for a, b, gold in TRAIN if gold != 4]).hash
