"""Errors that are not bugs. The CLI prints an :class:`AblateError` as one line; any other exception is a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache

from ablate.interrupts import any_failure


class AblateError(Exception):
    """A mistake that the user can correct. The message says what is wrong, where, and what to do. Exit status 2."""


class RecipeError(AblateError):
    """A recipe or an option is wrong. The message starts with its place, ``file:line:col`` or the option."""


class DataError(AblateError):
    """A data source or file is missing, truncated or malformed."""


class ModelError(AblateError):
    """A model cannot be loaded, or its architecture is not supported."""


class PluginError(AblateError):
    """A plug-in is unknown or broken, conflicts with another one, or breaks its contract."""


class StoreError(AblateError):
    """A store cannot be opened, read or written."""


class Undefined(Exception):
    """A score has no value on these data, because of too few pairs or constant values. The message is the reason.

    Not an :class:`AblateError`: the run continues, and the row has the status ``undefined`` and the reason.
    """


REASON = 500
"""The most characters of a reason. The message of an exception may have megabytes."""


def one_line(error: BaseException, most: int = REASON) -> str:
    """An exception as one line of at most ``most`` characters: its type and its message."""
    return shortened(f"{type(error).__name__}: {message(error, most)}", most)


def message(error: BaseException, most: int = REASON) -> str:
    """The message of an exception as one line of at most ``most`` characters. It may be one whose ``__str__`` fails."""
    try:
        text = str(error)
    except any_failure() as fault:
        return f"(its message cannot be made: {type(fault).__name__})"
    # Cut before it is split, which takes long for megabytes.
    return shortened(" ".join(text[: 10 * most].split()), most)


def shortened(text: str, most: int = 60) -> str:
    """The text, cut if it has more than ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


_LIKE = 0.6
"""How alike two names or words are at least, in [0, 1], for one to be meant by the other."""


def suggest(name: str, valid: Iterable[str]) -> str:
    """The end of an error message: the valid name closest to ``name``, or all valid names if none is close."""
    names = sorted(valid)
    close = nearest(name, names)
    if close:
        return f"did you mean '{close}'?"
    return f"valid: {', '.join(names)}" if names else "there is none"


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name closest to ``name``; None if none is close."""
    # Sorted, because a set has another order in each process, and the message must not.
    names = {each.lower(): each for each in sorted(valid)}
    like = _like_by_words(name.lower(), names)
    close = difflib.get_close_matches(name.lower(), like or names, n=1, cutoff=0 if like else _LIKE)
    return names[close[0]] if close else None


def _like_by_words(name: str, others: Iterable[str]) -> list[str]:
    """The names that have most of the words of ``name``, all equally many; none if it is one word.

    A name may be much longer than what is meant by it, such as that of a cell with a search: as a whole it is then
    unlike ``name``, though it has each of its words.
    """
    words = name.split()
    if len(words) < 2:
        return []
    likeness = {other: sum(_found(word, other.split()) for word in words) / len(words) for other in others}
    most = max(likeness.values(), default=0.0)
    return [other for other, like in likeness.items() if like == most] if most >= _LIKE else []


def _found(word: str, others: Iterable[str]) -> float:
    """How alike a word is to the one of ``others`` that is most like it; 0 if none is like it."""
    most = max((_ratio(word, other) for other in others), default=0.0)
    return most if most >= _LIKE else 0.0


@cache
def _ratio(word: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, word).ratio()
