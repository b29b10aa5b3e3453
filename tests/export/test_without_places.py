"""What is published with a model names no place of the machine."""

from __future__ import annotations

import pytest

from ablate.export.without_places import command_without_places, without_places


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("/home/ann/models/mine", "mine"),
        ("/home/Ann Bell/my models/mine/", "mine"),
        ("~/models/mine", "mine"),
        ("../mine", "mine"),
        ("C:\\Users\\Ann Bell\\mine", "mine"),
        ("senteval:/data/downstream", "senteval:downstream"),
        ("no such file: /home/ann/x.csv, line 3", "no such file: x.csv, line 3"),
        ("(/home/ann/x.csv)", "(x.csv)"),
        ("postgresql://ann:***@db.example.org/ablate", "postgresql://"),
        ("at https://example.org/a/b and /home/ann/c", "at https://example.org/a/b and c"),
    ],
)
def test_of_a_path_the_last_part_is_kept(given: str, told: str) -> None:
    assert without_places({"a": [given]}) == {"a": [told]}


@pytest.mark.parametrize(
    "text",
    [
        "google-bert/bert-base-uncased",
        "data/dev.csv",
        "head × align 10 %",
        "align/uniform",
        "1 / 2",
        "a \\d+ b",
        "/",
        "",
    ],
)
def test_what_is_no_place_of_a_machine_is_kept(text: str) -> None:
    assert without_places(text) == text


def test_other_values_and_keys() -> None:
    assert without_places({"/home/ann/m": {"n": 3, "x": None, "y": 0.5}}) == {"m": {"n": 3, "x": None, "y": 0.5}}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("ablate run '/home/Ann Bell/x.yaml' --set a.b=/tmp/y", "ablate run x.yaml --set a.b=y"),
        ("ablate run recipes/x.yaml --store=postgresql://db/a", "ablate run recipes/x.yaml --store=postgresql://"),
        ("ablate diff 'head × align 10 %", "ablate diff 'head × align 10 %"),
    ],
)
def test_a_command_is_taken_word_by_word(given: str, told: str) -> None:
    assert command_without_places(given) == told
