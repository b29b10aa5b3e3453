"""The generator of the embedded data: it makes the shipped files, and its grammar and gold scores are right."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ablate.data.embedded import FOLDER, SHA256
from tools.embedded_data.files import tables, write
from tools.embedded_data.frames import Frame, similarity
from tools.embedded_data.grammar import Clause, Noun, article, finish, ing, past
from tools.embedded_data.topics import concepts, topics
from tools.embedded_data.wording import Wording, builds, realize

ROOT = Path(__file__).parents[2]


def test_it_makes_the_shipped_files() -> None:
    shipped = {place.name: gzip.decompress(place.read_bytes()) for place in FOLDER.iterdir()}
    assert shipped == {f"{name}.tsv.gz": content for name, content in tables().items()}


def test_the_hashes_in_the_package_are_those_of_what_it_makes() -> None:
    assert {name: hashlib.sha256(content).hexdigest() for name, content in tables().items()} == SHA256


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        assert write(folder) == SHA256
    assert {file.name: file.read_bytes() for file in first.iterdir()} == {
        file.name: file.read_bytes() for file in second.iterdir()
    }


def test_the_command_writes_the_files_in_a_new_process_with_another_hash_seed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.embedded_data", str(tmp_path)]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "".join(f"{digest} {name}\n" for name, digest in SHA256.items())
    assert {place.name: gzip.decompress(place.read_bytes()) for place in tmp_path.iterdir()} == {
        f"{name}.tsv.gz": content for name, content in tables().items()
    }


def test_it_does_not_import_the_package() -> None:
    code = "import sys, tools.embedded_data.files; print([name for name in sys.modules if name.startswith('ablate')])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_verb_forms() -> None:
    assert [past(v) for v in ("chop", "bake", "carry", "destroy", "agree", "cancel", "take")] == [
        "chopped", "baked", "carried", "destroyed", "agreed", "cancelled", "took",
    ]  # fmt: skip
    assert (past("take", participle=True), past("chop", participle=True)) == ("taken", "chopped")
    assert [ing(v) for v in ("chop", "bake", "flee", "hit")] == ["chopping", "baking", "fleeing", "hitting"]


def test_articles_follow_the_sound() -> None:
    assert [article(w) for w in ("onion", "Irish nurse", "university", "X-ray image", "van")] == [
        "an", "an", "a", "an", "a",
    ]  # fmt: skip
    assert Noun("onions", "plural").phrase(False) == "some onions"
    assert Noun("onions", "plural").phrase(True, count="two") == "the two onions"


@pytest.mark.parametrize(
    ("tense", "passive", "negative", "statement", "question"),
    [
        ("past", False, False, "the nurses took it", "did the nurses take it"),
        ("past", True, True, "the nurses were not taken it", "weren't the nurses taken it"),
        ("now", False, True, "the nurses are not taking it", "aren't the nurses taking it"),
        ("future", True, False, "the nurses will be taken it", "will the nurses be taken it"),
        ("perfect", True, False, "the nurses have been taken it", "have the nurses been taken it"),
    ],
)
def test_clauses(tense: str, passive: bool, negative: bool, statement: str, question: str) -> None:
    clause = Clause("the nurses", True, "take", "it", passive, tense, negative)
    assert clause.statement(contracted=False) == statement
    assert clause.question() == question
    assert finish(clause.question(), "?")[0].isupper()


def _chop() -> Frame:
    cooking = next(t for t in topics() if t.name == "cooking")
    return Frame(cooking.events[0], 0, cooking.who[0], cooking.events[0].objects[0], "past")


def test_one_frame_in_many_constructions() -> None:
    frame = _chop()
    said = {build: realize(frame, Wording((0,) * 8, 0, build, True, True)) for build in set(builds(frame, "chop {}"))}
    assert said == {
        "active": "The chef chopped the onions.",
        "passive": "The onions were chopped by the chef.",
        "cleft": "It was the chef that chopped the onions.",
        "the-one": "The chef was the one that chopped the onions.",
        "what": "What the chef chopped was the onions.",
        "what-did": "What the chef did was chop the onions.",
    }


def test_a_reversed_verb_keeps_who_did_what() -> None:
    football = next(t for t in topics() if t.name == "football")
    beat = next(e for e in football.events if e.poles[0][0] == "beat {}")
    frame = Frame(beat, 0, football.who[0], football.who[1], "past")
    assert realize(frame, Wording((0,) * 8, 0, "active", True, True)) == "The striker beat the goalkeeper."
    assert realize(frame, Wording((0,) * 8, 2, "active", True, True)) == "The goalkeeper lost to the striker."


def test_gold_follows_meaning() -> None:
    frame = _chop()
    objects, who, bake = frame.event.objects, topics()[0].who, topics()[0].events[1]
    place = concepts("at home")[0]
    golds = [
        similarity(frame, frame),
        similarity(frame, replace(frame, place=place)),
        similarity(frame, replace(frame, obj=objects[1])),
        similarity(frame, replace(frame, negative=True)),
        similarity(frame, replace(frame, event=bake, obj=bake.objects[0])),
        similarity(frame, replace(frame, event=bake, obj=bake.objects[0], agent=who[1])),
        similarity(frame, replace(frame, event=topics()[1].events[0])),
    ]
    assert golds[:2] == [5, pytest.approx(4.6)]
    assert golds[3] == pytest.approx(2.25)
    assert golds[-1] == 0
    assert golds == sorted(golds, reverse=True)
