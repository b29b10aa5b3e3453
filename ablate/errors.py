"""What can go wrong through no bug of ours. The CLI prints these as one line; anything else is a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AblateError(Exception):
    """A mistake that its user can mend: says what is wrong, where, and what to do. Exit status 2."""


class RecipeError(AblateError):
    """A recipe, or an option that stands for a part of one, is wrong. The text begins with its place."""


class DataError(AblateError):
    """A data source or file is absent, cut short or malformed."""


class ModelError(AblateError):
    """A model cannot be loaded, or is of an architecture that is not supported."""


class PluginError(AblateError):
    """A plug-in is unknown, broken, in conflict with another, or breaks its contract."""


class StoreError(AblateError):
    """A store cannot be opened, read or written."""


class Undefined(Exception):
    """A score has no value on these data (too few pairs, constant values). The reason is the text.

    Not an :class:`AblateError`: the run goes on, and the row says ``undefined`` with the reason.
    """


FAILURES = (Exception, SystemExit)
"""What a plug-in's code may raise: one that exits must not end a run as if it were done."""


def one_line(error: BaseException) -> str:
    """Any exception in one line: its type, and what it says."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def suggest(name: str, valid: Iterable[str]) -> str:
    """Ends an error message: the valid name nearest to ``name``, or else all valid names."""
    names = sorted(valid)
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"valid: {', '.join(names)}" if names else "there is none"
