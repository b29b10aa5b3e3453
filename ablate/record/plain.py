"""Turns dataclasses into plain JSON values and back, with strict types and no conversion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_Reader = Callable[[Any], Any]

_SCALARS: Mapping[Any, frozenset[type]] = {
    # JSON has one kind of number: a float that is whole may have been written without a point.
    float: frozenset({float, int}),
    **{kind: frozenset({kind}) for kind in (bool, int, str, NoneType)},
}
OMITTED: Mapping[str, bool] = {"omitted": True}
"""Metadata of a field that few records have: where it is None, the plain form of the others does not have it."""

_JSON_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null"}


def to_plain(value: Any) -> Any:
    """A dataclass as a dict of its fields in their order, tuples as lists, and so on recursively."""
    # First, because nearly all values of a record are scalars.
    if type(value) in _SCALARS:
        return value
    if is_dataclass(value) and not isinstance(value, type):
        found = ((name, getattr(value, name), omitted) for name, omitted in _names(type(value)))
        return {name: to_plain(one) for name, one, omitted in found if one is not None or not omitted}
    if isinstance(value, Mapping):
        return {name: to_plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


@cache
def _names(kind: Any) -> tuple[tuple[str, bool], ...]:
    """The names of its fields, and whether each is :data:`OMITTED` where it is None."""
    return tuple((field.name, bool(field.metadata)) for field in fields(kind))


def from_plain(kind: type[T], plain: Any) -> T:
    """The dataclass whose fields a mapping has.

    An absent field, as in the record of an older ablate, gets its default, or None if its type allows None. Unknown
    keys, as in the record of a newer ablate, are ignored.

    Args:
        kind: a dataclass whose fields are scalars, dataclasses, ``tuple[X, ...]``, ``dict[str, X]``, ``Any``, or one
            of these or None.

    Raises:
        ValueError: a required field is absent, a value has the wrong type, or the dataclass refuses it. The message
            begins with the place: ``entries.1.gain: is absent``.
    """
    wanted: Any = kind  # mypy takes type[T] for not hashable, and `cache` needs that
    record: T = _reader(wanted)(plain)
    return record


# Cached, because a run has thousands of rows of one type.
@cache
def _reader(kind: Any) -> _Reader:
    """A function that checks a value against a type, and makes dataclasses and tuples of it."""
    if kind is Any:
        return _anything
    if kind in _SCALARS:
        return _scalar(_SCALARS[kind])
    if is_dataclass(kind):
        return _record(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _union(arguments)
    if origin is tuple:
        return _tuple(_reader(arguments[0]))
    if origin is dict:
        return _dict(_reader(arguments[1]))
    raise TypeError(f"a record cannot have a field of type {kind}")


def _anything(value: Any) -> Any:
    return value


def _scalar(kinds: frozenset[type]) -> _Reader:
    wanted = " or ".join(name for kind, name in _JSON_NAMES.items() if kind in kinds)

    def read(value: Any) -> Any:
        # Not isinstance, because a bool is an int in Python.
        if type(value) not in kinds:
            raise ValueError(f": is {value!r:.60}, not {wanted}")
        return value

    return read


def _union(members: tuple[Any, ...]) -> _Reader:
    if all(member in _SCALARS for member in members):
        return _scalar(frozenset().union(*(_SCALARS[member] for member in members)))
    # Any other union is of one type and None.
    (member,) = (member for member in members if member is not NoneType)
    read = _reader(member)
    return lambda value: None if value is None else read(value)


def _tuple(item: _Reader) -> _Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise ValueError(f": is {value!r:.60}, not array")
        return tuple(_read_at(place, item, entry) for place, entry in enumerate(value))

    return read


def _dict(item: _Reader) -> _Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError(f": is {value!r:.60}, not object")
        return {name: _read_at(name, item, entry) for name, entry in value.items()}

    return read


def _read_at(place: object, read: _Reader, value: Any) -> Any:
    """Reads one value. An error begins with the place, to which each caller adds its own."""
    try:
        return read(value)
    except ValueError as error:
        text = str(error)
        raise ValueError(f"{place}{text}" if text.startswith(": ") else f"{place}.{text}") from None


def _record(kind: Any) -> _Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError(f": is {value!r:.60}, not object")
        of_kind = _fields(kind)
        try:
            return kind(
                **{
                    name: field.reader(value[name]) if name in value else field.read(value)
                    for name, field in of_kind.items()
                }
            )
        except ValueError:
            # Once more, so that the error names its place.
            return kind(**{name: field.read(value) for name, field in of_kind.items()})

    return read


@dataclass(frozen=True)
class _Field:
    """One field of a dataclass. absent: its value if a mapping does not have it; MISSING if it is required."""

    name: str
    absent: Any
    reader: _Reader

    def read(self, plain: Mapping[str, Any]) -> Any:
        if self.name not in plain:
            if self.absent is MISSING:
                raise ValueError(f"{self.name}: is absent")
            return self.absent
        return _read_at(self.name, self.reader, plain[self.name])


@cache
def _fields(kind: Any) -> dict[str, _Field]:
    types = get_type_hints(kind)
    return {
        field.name: _Field(field.name, _absent(field, types[field.name]), _reader(types[field.name]))
        for field in fields(kind)
    }


def _absent(field: Field[Any], kind: Any) -> Any:
    return None if field.default is MISSING and NoneType in get_args(kind) else field.default
