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
        name: f"{Path(given['file']).name} (sha256 {given['sha256'][:12]}), {given['kind']}, {given['split']}"
        + _more(given)
        for name, given in parameters.items()
        if {"kind", "file", "sha256", "columns", "split"} <= set(given)
    }


def _more(given: Mapping[str, Any]) -> str:
    """Which column is what, and which further files there are."""
    columns = [f"{role} = {column}" for role, column in given["columns"].items()]
    columns += [f"qrels = {given['qrels']}"] if given.get("qrels") else []
    for part in ("train", "dev"):
        if given.get(part):
            columns.append(f"{part} = {Path(given[part]).name} (sha256 {given[f'{part}_sha256'][:12]})")
    return "; " + ", ".join(columns) if columns else ""
