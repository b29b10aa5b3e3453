"""Takes passwords out of text that is stored or shown, such as a command with the URL of a database."""

from __future__ import annotations

import re

_USER_AND_PASSWORD = re.compile(r"(://[^\s:/@'\"]*):[^\s'\"]*@")
_PARAMETER = re.compile(r"([?&](?:password|passwd|pwd|sslpassword)=)[^\s&'\"]*", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """The text with ``***`` in place of every password in a URL, before its host or among its parameters."""
    return _PARAMETER.sub(r"\1***", _USER_AND_PASSWORD.sub(r"\1:***@", text))
