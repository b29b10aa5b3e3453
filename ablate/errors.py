"""Errors that are not bugs. The CLI prints an :class:`AblateError` as one line; any other exception is a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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


FAILURES = (Exception, SystemExit)
"""The exceptions to catch around a plug-in's code.

``SystemExit`` is one of them, because a plug-in that exits must not end a run as if the run had succeeded.
"""


def one_line(error: BaseException) -> str:
    """An exception as one line: its type and its message."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def suggest(name: str, valid: Iterable[str]) -> str:
    """The end of an error message: the valid name closest to ``name``, or all valid names if none is close."""
    names = sorted(valid)
    close = nearest(name, names)
    if close:
        return f"did you mean '{close}'?"
    return f"valid: {', '.join(names)}" if names else "there is none"


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name closest to ``name``; None if none is close."""
    # Sorted, because a set has another order in each process, and a message must not.
    close = difflib.get_close_matches(name.lower(), sorted(valid), n=1, cutoff=0.6)
    return close[0] if close else None
