"""What a text from outside passes on its way to a terminal or a file; and numbers of things in texts."""

from __future__ import annotations

import unicodedata


def visible(text: str, keep: str = "") -> str:
    """Text without control characters, so that it cannot move the cursor or change the colors of a terminal.

    Line ends and tabs become blanks; other control and format characters become escapes such as ``\\x1b``.

    Args:
        keep: characters to leave as they are.
    """
    if text.isprintable():
        return text
    return "".join(_visible(char) if char not in keep else char for char in text)


def _visible(char: str) -> str:
    if char in "\n\r\t":
        return " "
    # Cf includes the marks that reverse the direction of writing; Cs are lone surrogates, which UTF-8 cannot encode.
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char.encode("unicode_escape").decode("ascii")
    return char


def number(count: int, what: str) -> str:
    """``1 cell``, ``2 cells``."""
    return f"{count} {what}" if count == 1 else f"{count:,} {what}s"
