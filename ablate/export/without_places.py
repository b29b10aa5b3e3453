"""Takes the places of a machine out of what is published with a model: its paths and the addresses of databases."""

from __future__ import annotations

import re
import shlex
from typing import Any

_SCHEME = re.compile(r"[A-Za-z][\w+.-]*://")
_ADDRESS = re.compile(r"([A-Za-z][\w+.-]*)://[^\s'\"]*")
_STEP = r"[^\s/'\"`,;()<>|]+"
_PATH = re.compile(rf"(?<![\w.~/-])(?:~[\w.-]*|\.\.?)?/(?:{_STEP}/)*({_STEP})/?")
_DRIVE = re.compile(r"(?<!\w)[A-Za-z]:\\(?:[^\\/:*?\"<>|]+\\)*([^\\/:*?\"<>|\s]+)")
_WHOLE = re.compile(r"(?P<before>[\w.-]+[:=])?(?:~[\w.-]*|\.\.?)?/[^/].*")


def without_places(value: Any) -> Any:
    """Plain JSON values with the last part of each path alone, in texts and in the keys of mappings.

    Relative paths that stay in their folder are kept, and so are web addresses. Other addresses, such as that of a
    database, lose everything but their kind.
    """
    if isinstance(value, dict):
        return {without_places(key): without_places(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(item) for item in value]
    return _in_text(value) if isinstance(value, str) else value


def command_without_places(command: str) -> str:
    """A command line likewise; paths in it may have blanks."""
    try:
        words = shlex.split(command)
    except ValueError:
        return _in_text(command)
    return shlex.join(map(_in_text, words))


def _in_text(text: str) -> str:
    whole = _WHOLE.fullmatch(text)
    # A path of its own may have blanks, which a path within a sentence cannot.
    if whole and not _SCHEME.search(text):
        return (whole["before"] or "") + text.rstrip("/").rpartition("/")[2]
    parts = _SCHEME.search(text) and [_address(part) for part in re.split(r"(\s)", text)]
    return "".join(parts) if parts else _without_paths(text)


def _address(part: str) -> str:
    if not _SCHEME.search(part):
        return _without_paths(part)
    return _ADDRESS.sub(lambda found: found[0] if found[1] in ("http", "https") else f"{found[1]}://", part)


def _without_paths(text: str) -> str:
    return _DRIVE.sub(r"\1", _PATH.sub(r"\1", text))
