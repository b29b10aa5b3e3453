"""Reads a user's own file as items: pairs with scores (``sts``), pairs with labels (``pairs``), or ``triplets``."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ablate.data.columns import GOLD, TEXTS, find_columns
from ablate.data.items import ItemSet
from ablate.data.tables import Table, open_table
from ablate.errors import DataError

_LABELS = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0}


@dataclass(frozen=True, eq=False)
class OwnFile:
    """A file that has been read.

    sha256: of its bytes.
    columns: role -> the name of the column that has it.
    items: without the name and the split of a task.
    """

    path: Path
    sha256: str
    columns: Mapping[str, str]
    items: ItemSet

    @property
    def label(self) -> str:
        """The file and its hash, as tables and cards show them."""
        return f"{self.path.name} (sha256 {self.sha256[:12]})"

    def as_set(self, name: str, split: str) -> ItemSet:
        """The items as a task of this name has them."""
        return ItemSet(name, split, self.label, self.items.texts, self.items.gold, self.items.subsets)


def read_own(path: Path, kind: str, columns: Mapping[str, str]) -> OwnFile:
    """Reads a file, or gives what has been read of it if it has not changed since.

    Args:
        columns: role -> column, for those that are not to be guessed.

    Raises:
        DataError: the file is absent or malformed, a column is not found, or its gold cannot tell items apart.
    """
    try:
        state = path.stat()
    except OSError:  # what is wrong is said by the reader
        return _read(path, kind, tuple(columns.items()))
    return _cached(
        path.absolute(), path, kind, tuple(columns.items()), (state.st_mtime_ns, state.st_size, state.st_ino)
    )


@lru_cache(maxsize=8)
def _cached(
    absolute: Path,  # noqa: ARG001
    path: Path,
    kind: str,
    columns: tuple[tuple[str, str], ...],
    state: tuple[int, ...],  # noqa: ARG001
) -> OwnFile:
    return _read(path, kind, columns)


def _read(path: Path, kind: str, columns: tuple[tuple[str, str], ...]) -> OwnFile:
    table = open_table(path)
    at = find_columns(table, kind, dict(columns))
    roles, number = TEXTS[kind], GOLD.get(kind)
    for role in at:
        twice = [other for other in at if at[other] == at[role] and other != role]
        if twice:
            raise DataError(
                f"{path}:1: column '{table.names[at[role]]}' is both {role} and {twice[0]}; name two columns"
            )
    places = [at[role] for role in roles]
    texts: list[tuple[str, ...]] = []
    gold: list[float] = []
    for line, cells in table.rows():
        texts.append(tuple(_text(table, line, cells, place) for place in places))
        gold.append(_number(table, line, cells, at[number], number) if number else 0.0)
    if not texts:
        raise DataError(f"{path}:2: no rows; write a row for each item below the header")
    if number:
        _check_gold(path, number, table.names[at[number]], gold)
    items = ItemSet(kind, "", path.name, tuple(texts), np.array(gold, np.float64), ("",) * len(texts))
    return OwnFile(path, _sha256(path), {role: table.names[i] for role, i in at.items()}, items)


def _text(table: Table, line: int, cells: Any, place: int) -> str:
    cell = cells[place]
    if isinstance(cell, str):
        words = " ".join(cell.split())
        if words:
            return words
    what = f"no text in '{table.names[place]}'"
    if cell is not None and not isinstance(cell, str):
        what = f"'{table.names[place]}' is {cell!r}, which is no text"
    raise DataError(f"{table.place(line, place)}: {what}; write one, or remove the row")


def _number(table: Table, line: int, cells: Any, place: int, role: str) -> float:
    cell = cells[place]
    text = "" if cell is None else str(cell).strip()
    if role == "label":
        if (label := _LABELS.get(text.lower())) is not None:
            return label
        wrong, remedy = "no label", "write 1 for two texts that belong together, and 0 for others"
    else:
        try:
            score = math.nan if isinstance(cell, bool) else float(text)
        except ValueError:
            score = math.nan
        if math.isfinite(score):
            return score
        wrong, remedy = "no number", "write one, such as 3.5, or remove the row"
    shown = f"'{text}'" if text else "empty"
    raise DataError(f"{table.place(line, place)}: '{table.names[place]}' is {shown}, {wrong}; {remedy}")


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def _check_gold(path: Path, role: str, name: str, gold: list[float]) -> None:
    if min(gold) < max(gold):
        return
    if role == "label":
        raise DataError(f"{path}: all {len(gold):,} labels in '{name}' are {gold[0]:g}; add pairs with the other label")
    raise DataError(f"{path}: all {len(gold):,} scores in '{name}' are {gold[0]:g}; add pairs with other scores")
