"""Files as the system has them: which can be read to their end, and how one is replaced as a whole."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import uuid
from pathlib import Path


def expanded(path: str | Path) -> Path:
    """A path with the home folder in place of a leading ``~`` or ``~USER``; as it was if there is no such user."""
    # Not `Path.expanduser`, which raises an error if there is no user of that name.
    return Path(os.path.expanduser(path))


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


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file. If the disk is full or the process is killed, the file has its old content, or there is none.

    Links are followed, and a device or a FIFO is written as it is.

    Raises:
        OSError: the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    # A short name of its own, because that of the file may be as long as a name can be.
    temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
