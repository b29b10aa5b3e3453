"""The reference shows what a caller gives, and nothing that begins with an underscore."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tools.reference import signature


@dataclass(frozen=True)
class Some:
    name: str
    _inner: int = 0


@dataclass(frozen=True)
class Alone:
    _inner: int


@dataclass(frozen=True)
class Empty:
    pass


def watch(_: int) -> None: ...


@pytest.mark.parametrize(
    ("thing", "shape"), [(Some, "(name: str)"), (Alone, ""), (Empty, "()"), (watch, "(_: int) -> None")]
)
def test_private_fields_are_not_shown(thing: object, shape: str) -> None:
    assert signature(thing) == shape
