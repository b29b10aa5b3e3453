"""What an error message suggests for a name that is none."""

from __future__ import annotations

import pytest

from ablate.errors import REASON, message, one_line, suggest

CELLS = (
    "dense",
    "head × align 10 %",
    "head × align 20 %",
    "head × magnitude with swaps 25 %",
    "head × magnitude with swaps (border 1, most 1) 25 %",
    "head+neuron gates 25 % + 10 % with swaps (border 1, most 1)",
    "head+neuron gates 25 % + 10 % with swaps (border 1, most 1) (matched 0)",
    "head × Fisher 10 %",
)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("dens", "dense"),
        ("head × algin 10 %", "head × align 10 %"),
        ("head align 20 %", "head × align 20 %"),
        ("head × magnitude 25 %", "head × magnitude with swaps 25 %"),
        ("head × magnitud with swap 25 %", "head × magnitude with swaps 25 %"),
        ("head × magnitude with swaps (border 1, most 2) 25 %", "head × magnitude with swaps (border 1, most 1) 25 %"),
        ("gates with swaps", "head+neuron gates 25 % + 10 % with swaps (border 1, most 1)"),
        ("head+neuron x gate 25 % + 10 %", "head+neuron gates 25 % + 10 % with swaps (border 1, most 1)"),
        ("head × FISHER 10 %", "head × Fisher 10 %"),
        ("head×align10%", "head × align 10 %"),
    ],
)
def test_the_name_that_has_its_words_is_meant_however_long_it_is(name: str, meant: str) -> None:
    assert suggest(name, CELLS) == f"did you mean '{meant}'?"
    assert suggest(name, reversed(CELLS)) == f"did you mean '{meant}'?"


def test_all_are_listed_if_none_is_close() -> None:
    assert suggest("quite other words", ["b", "A b"]) == "valid: A b, b"
    assert suggest("c", []) == suggest("c d", []) == "there is none"


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_a_message_is_one_line_and_short_whatever_it_is() -> None:
    assert one_line(ValueError("a\n b")) == "ValueError: a b"
    assert one_line(Unspeakable()) == "Unspeakable: (its message cannot be made: RuntimeError)"
    huge = one_line(ValueError("x" * 5 * 2**20))
    assert (len(huge), huge[:15], huge[-1]) == (REASON, "ValueError: xxx", "…")
    assert message(ValueError("\n" * 10**6 + "far away"), 20) == ""
