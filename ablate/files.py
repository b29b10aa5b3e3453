"""Files as the system has them: which can be read to their end, and how one is replaced as a whole."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def is_folder(path: Path) -> bool:
    """Whether there is a folder. ``Path.is_dir`` raises an error about names that no folder can have."""
    return os.path.isdir(path)


def require_regular(path: Path) -> int:
    """The size of a regular file in bytes. A device or a FIFO has no end, or makes its reader wait.

    Raises:
        OSError: there is no such file, it is a folder or no regular file, or no file can have the name.
    """
    try:
        state = os.stat(path)
    except ValueError as error:  # a NUL, or a character that names of files cannot have in this locale
        raise OSError(errno.EINVAL, f"no file can have this name ({error})", str(path)) from None
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return state.st_size
