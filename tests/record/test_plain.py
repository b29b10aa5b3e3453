"""Dataclasses as plain JSON values, and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.record import from_plain, to_plain

finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=5)


@dataclass(frozen=True)
class Inner:
    name: str
    share: float | None


@dataclass(frozen=True)
class Outer:
    """A field of every type that a record may have."""

    count: int
    truth: bool
    either: float | str | None
    inner: Inner | None
    listed: tuple[Inner, ...]
    numbers: tuple[float, ...]
    by_name: dict[str, dict[str, int]]
    free: Any
    late: str | None = "default"


inners = st.builds(Inner, texts, st.none() | finite)
outers = st.builds(
    Outer,
    st.integers(),
    st.booleans(),
    st.none() | finite | texts,
    st.none() | inners,
    st.lists(inners, max_size=3).map(tuple),
    st.lists(finite, max_size=3).map(tuple),
    st.dictionaries(texts, st.dictionaries(texts, st.integers(), max_size=2), max_size=2),
    st.none() | st.integers() | st.lists(texts, max_size=2),
    st.none() | texts,
)
PLAIN = to_plain(Outer(1, True, None, Inner("a", 0.5), (Inner("b", None),), (1.0, 2.5), {"x": {"y": 1}}, [1], "z"))


@given(outers)
def test_a_record_comes_back_from_json_as_it_was(made: Outer) -> None:
    assert from_plain(Outer, json.loads(json.dumps(to_plain(made)))) == made


def test_keys_have_the_order_of_the_fields_at_every_depth() -> None:
    assert list(PLAIN) == [*("count", "truth", "either", "inner", "listed", "numbers", "by_name", "free", "late")]
    assert json.dumps(PLAIN["listed"]) == '[{"name": "b", "share": null}]'


def test_what_an_older_record_lacks_is_its_default_or_none() -> None:
    made = from_plain(Outer, {name: value for name, value in PLAIN.items() if name not in ("either", "inner", "late")})
    assert (made.either, made.inner, made.late) == (None, None, "default")


def test_what_a_newer_record_has_beyond_is_ignored() -> None:
    assert to_plain(from_plain(Outer, PLAIN | {"color": "red"})) == PLAIN


def test_a_whole_number_stays_one() -> None:
    made = from_plain(Inner, {"name": "a", "share": 3})
    assert (made.share, type(made.share)) == (3, int)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": None}, "count: is None, not integer"),
        ({"count": 1.5}, "count: is 1.5, not integer"),
        ({"count": True}, "count: is True, not integer"),
        ({"truth": 1}, "truth: is 1, not boolean"),
        ({"either": False}, "either: is False, not string or integer or number or null"),
        ({"inner": {"name": 3, "share": None}}, "inner.name: is 3, not string"),
        ({"inner": "a"}, "inner: is 'a', not object"),
        ({"listed": [{"name": "a"}, {"share": 1.0}]}, "listed.1.name: is absent"),
        ({"listed": "ab"}, "listed: is 'ab', not array"),
        ({"numbers": [1.0, "2"]}, "numbers.1: is '2', not integer or number"),
        ({"by_name": {"x": 1}}, "by_name.x: is 1, not object"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        from_plain(Outer, PLAIN | change)


def test_what_is_absent_and_cannot_be_is_named() -> None:
    with pytest.raises(ValueError, match="^count: is absent$"):
        from_plain(Outer, {name: value for name, value in PLAIN.items() if name != "count"})
    with pytest.raises(ValueError, match="not object"):
        from_plain(Outer, [PLAIN])


def test_a_field_of_no_such_type_is_a_mistake_in_the_record() -> None:
    @dataclass(frozen=True)
    class Wrong:
        names: set[str]

    with pytest.raises(TypeError, match="cannot have a field of type"):
        from_plain(Wrong, {"names": []})
