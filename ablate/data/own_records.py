"""What the record of a run says of tasks on a user's own files. Without numpy, because reports read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def described(parameters: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What records say of the tasks on own files: task -> the file, its hash, its split, and which column is what.

    Args:
        parameters: of tasks, as :meth:`ablate.tasks.own.OwnTask.resolved` completes them. Others are left out.
    """
    return {
        name: f"{Path(given['file']).name} (sha256 {given['sha256'][:12]}), {given['kind']}, {given['split']}; "
        + ", ".join(f"{role} = {column}" for role, column in given["columns"].items())
        for name, given in parameters.items()
        if {"kind", "file", "sha256", "columns", "split"} <= set(given)
    }
