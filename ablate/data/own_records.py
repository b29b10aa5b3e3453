"""What the record of a run says of tasks on a user's own files. Without numpy, because reports read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        + _part(given.get("part"), given["split"])
        for name, given in parameters.items()
        if {"kind", "file", "sha256", "columns", "split"} <= set(given)
    }


def _part(part: Mapping[str, Any] | None, split: str) -> str:
    """Which rows of the file the task has."""
    if part is None:
        return ""
    sizes = {name: count for name, count in part["rows"].items() if count}
    if part.get("column"):
        how = f"by column {part['column']}"
    else:
        shares = ", ".join(f"{name} {share:g}" for name, share in part["shares"].items())
        how = f"by shares of {shares} with seed {part.get('seed', 0)}, rows that share a text together"
    listed = ", ".join(f"{name} {count:,}" for name, count in sizes.items())
    return f"; {sizes.get(split, 0):,} of {sum(sizes.values()):,} rows, {how}: {listed}"


def _more(given: Mapping[str, Any]) -> str:
    """Which column is what, and which further files there are."""
    columns = [f"{role} = {column}" for role, column in given["columns"].items()]
    columns += [f"qrels = {given['qrels']}"] if given.get("qrels") else []
    for part in ("train", "dev"):
        if given.get(part):
            columns.append(f"{part} = {Path(given[part]).name} (sha256 {given[f'{part}_sha256'][:12]})")
    return "; " + ", ".join(columns) if columns else ""


def source_shown(source: str, used: Iterable[str]) -> str:
    """What is said of the data of a run: its source, unless all rows are on the user's own files.

    Args:
        source: its label, and why it was taken. used: the labels of what the rows are on.
    """
    labels = set(used)
    if not labels or any(source.startswith(label) for label in labels):
        return source
    return f"your own files; anything else is from {source}"
