"""How a message names an argument: as the keyword of a function in Python, and as an option on the command line.

What raises an error does not know who called, so the command line says it once, with :func:`named_as_options`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_REPEATED = {"overrides": "set", "files": "task"}
"""Arguments that are lists. Their options have these names, and are given once for each item."""

# Of the process and not of a context: threads begin with an empty context, and their errors are shown to the same user.
_as_options = False


@contextmanager
def named_as_options() -> Iterator[None]:
    """Inside the block, :func:`argument` names options of the command line."""
    global _as_options
    before, _as_options = _as_options, True
    try:
        yield
    finally:
        _as_options = before


def argument(name: str, value: object = None) -> str:
    """The name of an argument in a message, such as ``prompt_name`` or ``--prompt-name``.

    Args:
        name: as Python has it.
        value: which was given or is to be given, as in ``dev='a.csv'`` or ``--dev a.csv``. If the argument is a list:
            an item. True for a flag. None: the name alone.
    """
    if _as_options:
        option = f"--{_REPEATED.get(name, name).replace('_', '-')}"
        return option if value is None or value is True else f"{option} {value}"
    if value is None:
        return name
    plain = value if isinstance(value, bool | int | float) else str(value)
    return f"{name}={[plain] if name in _REPEATED else plain!r}"
