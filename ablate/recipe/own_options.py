"""A user's own files that arguments name, such as ``dev``: what they are taken for, and the recipe with them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.arguments import argument
from ablate.data.beir import is_beir
from ablate.data.columns import TEXTS, guess_kind, split_column
from ablate.data.items import ItemSet
from ablate.data.names import GEOMETRY, GROUPS
from ablate.data.own import read_own
from ablate.data.tables import open_table
from ablate.errors import DataError, RecipeError, suggest
from ablate.recipe.document import Document


@dataclass(frozen=True)
class OwnFiles:
    """The files of the arguments ``dev``, ``test`` and ``files``.

    dev: chooses. test: reports.
    tasks: texts of the form ``NAME=FILE`` or ``NAME=KIND:FILE``; these choose too.
    """

    dev: Path | None = None
    test: Path | None = None
    tasks: Sequence[str] = ()

    @property
    def choose(self) -> bool:
        """Whether there is a file that chooses."""
        return self.dev is not None or bool(self.tasks)


@dataclass(frozen=True)
class OwnEntry:
    """A task on a file, as the section ``tasks`` of a recipe has it. argument: that named the file."""

    name: str
    argument: str
    parameters: Mapping[str, Any]


def entries(files: OwnFiles) -> list[OwnEntry]:
    """A task for each file: those of ``files`` and ``dev``, then that of ``test``.

    Raises:
        RecipeError: a text of ``files`` is not of its form, or two tasks have one name.
        DataError: a file is malformed. The message begins with the argument.
    """
    found = [_named(text) for text in files.tasks]
    for split, path in (("dev", files.dev), ("test", files.test)):
        if path is not None:
            place = argument(split, path)
            found.append(OwnEntry(name_of(split, path), place, taken_for(path, place, split)))
    for i, entry in enumerate(found):
        if entry.name in [earlier.name for earlier in found[:i]]:
            remedy = f"name one otherwise with {argument('files', 'NAME=FILE')}"
            raise RecipeError(f"{entry.argument}: a second task '{entry.name}'; {remedy}")
    return found


def name_of(split: str, path: Path) -> str:
    """The name of a task on a file: ``dev-pairs`` for ``pairs.csv``, and ``dev`` for ``dev.csv``."""
    stem = re.sub(r"[^\w.-]+", "-", path.stem).strip("-")
    return stem if stem == split or stem.startswith(f"{split}-") else f"{split}-{stem}" if stem else split


def taken_for(path: Path, place: str, split: str, kind: str | None = None) -> dict[str, Any]:
    """The parameters of a task on a file: its kind and its columns, and the part if it has a column of splits.

    Raises:
        DataError: the file is malformed. The message begins with the argument.
    """
    try:
        if is_beir(path):
            return {"kind": kind or "retrieval", "file": str(path), "split": split}
        table = open_table(path)
        kind = kind or guess_kind(table)
        file = read_own(path, kind, {})
        # Only plain rows can be divided.
        column = split_column(table) if type(file.items) is ItemSet else None
    except DataError as error:
        raise DataError(f"{place}: {error}") from None
    part = {} if column is None else {"part": {"column": column}}
    return {"kind": kind, "file": str(path), "columns": dict(file.columns), **part, "split": split}


def _named(text: str) -> OwnEntry:
    place = argument("files", text)
    name, equals, file = text.partition("=")
    if not (equals and name and file):
        raise RecipeError(
            f"{place}: not of the form NAME=FILE or NAME=KIND:FILE; write it as in "
            f"{argument('files', 'mine=pairs.csv')}"
        )
    kind, colon, rest = file.partition(":")
    if colon and kind not in TEXTS and not os.path.exists(file) and os.path.exists(rest):
        raise RecipeError(f"{place}: '{kind}' is no kind of file; {suggest(kind, TEXTS)}")
    given = (Path(rest), kind) if colon and kind in TEXTS else (Path(file), None)
    return OwnEntry(name, place, taken_for(given[0], place, "dev", given[1]))


def put_into(document: Document, files: OwnFiles, *, beside: bool = False) -> None:
    """Puts the files into a recipe: that of ``dev`` in place of ``screen``, that of ``test`` of ``confirm``.

    What the recipe says of tasks that are replaced, under ``tasks`` and ``statistics.margins``, goes with them.

    Args:
        beside: the files that choose do so beside the recipe's ``screen``, and not in its place.

    Raises:
        RecipeError, DataError: as :func:`entries`.
    """
    made = entries(files)
    tree = document.tree
    before = _used(tree)
    for key, split in (("screen", "dev"), ("confirm", "test")):
        own = [entry for entry in made if entry.parameters["split"] == split]
        if own:
            names, given = [entry.name for entry in own], tree.get(key)
            if key == "screen" and beside:
                names = [*given, *names]
            whole = {"tasks": names, "cells": "all"}
            tree[key] = {**given, "tasks": names} if isinstance(given, dict) else whole if given == "all" else names
            document.given[(key,)] = own[0].argument
    gone = before - _used(tree)
    _forget(tree, "tasks", gone)
    if isinstance(tree.get("statistics"), dict):
        tree["statistics"] = copy(tree["statistics"])
        _forget(tree["statistics"], "margins", gone)
    if made:
        tree["tasks"] = copy(tree["tasks"]) if isinstance(tree.get("tasks"), dict) else {}
    for entry in made:
        tree["tasks"][entry.name] = dict(entry.parameters)
        document.given[("tasks", entry.name)] = entry.argument


def _used(tree: Any) -> set[str]:
    """The tasks that a recipe measures on, groups replaced by their members."""
    prevalence = tree.get("prevalence")
    named = (
        tree.get("screen", ["sts-dev"]),
        tree.get("confirm"),
        isinstance(prevalence, dict) and prevalence.get("confirm"),
    )
    return {member for value in named for name in _listed(value) for member in _members(name)}


def _listed(value: Any) -> list[str]:
    """The tasks of ``screen`` or ``confirm``, in any of the forms that a recipe may have."""
    if value == "all":
        return ["sts"]
    listed = value.get("tasks") if isinstance(value, dict) else value
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []


def _members(name: str) -> set[str]:
    return set({**GROUPS, "geometry": GEOMETRY}.get(name, (name,)))


def _forget(section: Any, key: str, gone: set[str]) -> None:
    """Leaves out the entries of a mapping that are only about tasks which are gone."""
    given = section.get(key)
    if isinstance(given, dict):
        section[key] = copy(given)
        for name in given:
            if _members(name) <= gone:
                del section[key][name]
