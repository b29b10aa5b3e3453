"""Reads a user's own file, or folder, as the items of a kind; :data:`~ablate.data.columns.TEXTS` lists the kinds."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ablate.data.arrow import STATE, data_files
from ablate.data.beir import beir_files, is_beir, read_beir
from ablate.data.columns import CLASSES, GOLD, find_columns
from ablate.data.items import ItemSet
from ablate.data.own_queries import queries_of
from ablate.data.tables import Table, is_number, open_table
from ablate.errors import DataError

_LABELS = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0}


@dataclass(frozen=True, eq=False)
class OwnFile:
    """A file, or a folder, that has been read.

    sha256: of its bytes; of a folder, of the hashes of its files.
    columns: role -> the name of the column that has it; empty for a BEIR folder.
    items: without the name and the split of a task.
    classes: the names of the classes; ``items.gold`` has their numbers. Empty for kinds without classes.
    qrels: which ones of a BEIR folder.
    left_out: how many queries have no relevant document in them, and are left out.
    """

    path: Path
    sha256: str
    columns: Mapping[str, str]
    items: ItemSet
    classes: tuple[str, ...] = ()
    qrels: str | None = None
    left_out: int = 0

    @property
    def label(self) -> str:
        """The file and its hash, as tables and cards show them."""
        return f"{shown(self.path)} (sha256 {self.sha256[:12]})"

    def as_set(self, name: str, split: str) -> ItemSet:
        """The items as a task of this name has them."""
        return replace(self.items, name=name, split=split, source=self.label)


def shown(path: Path) -> str:
    """A file without its folder; of a dataset that has parts, the folder of one with the folder of all."""
    return f"{path.parent.name}/{path.name}" if (path / STATE).is_file() and path.parent.name else path.name


def read_own(path: Path, kind: str, columns: Mapping[str, str], qrels: str | None = None) -> OwnFile:
    """Reads a file, or gives what has been read of it if it has not changed since.

    Args:
        columns: role -> column, for those that are not to be guessed.
        qrels: which ones of a BEIR folder.

    Raises:
        DataError: the file is absent or malformed, a column is not found, or its gold cannot tell items apart.
    """
    try:
        states = tuple((*_state(file), str(file)) for file in _files(path, kind, qrels))
    except OSError:  # what is wrong is said by the reader
        return _read(path, kind, tuple(columns.items()), qrels)
    return _cached(path.absolute(), path, kind, tuple(columns.items()), qrels, states)


def _state(file: Path) -> tuple[int, ...]:
    state = file.stat()
    return state.st_mtime_ns, state.st_size, state.st_ino


def _files(path: Path, kind: str, qrels: str | None) -> tuple[Path, ...]:
    """The files that are read. Raises DataError: a folder lacks one, or is of another kind."""
    if is_beir(path):
        if kind != "retrieval":
            raise DataError(f"{path}: a BEIR folder, which is of kind retrieval; name a file, or say kind: retrieval")
        return beir_files(path, qrels or "")
    return data_files(path) if os.path.isdir(path) else (path,)


@lru_cache(maxsize=8)
def _cached(
    absolute: Path,  # noqa: ARG001
    path: Path,
    kind: str,
    columns: tuple[tuple[str, str], ...],
    qrels: str | None,
    states: tuple[tuple[int | str, ...], ...],  # noqa: ARG001
) -> OwnFile:
    return _read(path, kind, columns, qrels)


def _read(path: Path, kind: str, columns: tuple[tuple[str, str], ...], qrels: str | None) -> OwnFile:
    if is_beir(path):
        if columns:
            raise DataError(f"{path}: a BEIR folder has no columns to name; leave out columns")
        found = read_beir(path, qrels or "")
        return OwnFile(path, _sha256(_files(path, kind, qrels)), {}, found.items, (), qrels, found.others)
    if qrels is not None:
        raise DataError(f"{path}: only a BEIR folder has qrels; leave out qrels")
    table = open_table(path)
    table.check_size()
    at = find_columns(table, kind, dict(columns))
    gold = GOLD.get(kind)
    roles = [role for role in at if role != gold]
    for role in at:
        twice = [other for other in at if at[other] == at[role] and other != role]
        if twice:
            raise DataError(
                f"{path}:1: column '{table.names[at[role]]}' is both {role} and {twice[0]}; name two columns"
            )
    places = [at[role] for role in roles]
    texts: list[tuple[str, ...]] = []
    golds: list[Any] = []
    lines: list[int] = []
    for line, cells in table.rows():
        texts.append(tuple(_text(table, line, cells, place) for place in places))
        if gold:
            read = _class if kind in CLASSES else _number
            golds.append(read(table, line, cells, at[gold], gold))
        lines.append(line)
    if not texts:
        raise DataError(f"{path}:2: no rows; write a row for each item below the header")
    items, classes = _items(path, kind, table.names[at[gold]] if gold else "", lines, texts, golds)
    return OwnFile(
        path, _sha256(_files(path, kind, None)), {role: table.names[i] for role, i in at.items()}, items, classes
    )


def _items(
    path: Path, kind: str, column: str, lines: Sequence[int], texts: Sequence[tuple[str, ...]], golds: Sequence[Any]
) -> tuple[ItemSet, tuple[str, ...]]:
    """The items of a kind, and the names of their classes. column: the name of that of the gold."""
    if kind == "retrieval":
        return queries_of(path, lines, texts), ()
    if kind == "triplets":
        for line, (_, positive, negative) in zip(lines, texts, strict=True):
            if positive == negative:
                raise DataError(f"{path}:{line}: positive and negative are one text; name another, or remove the row")
    classes: tuple[str, ...] = ()
    if kind in CLASSES:
        classes = in_order(set(golds))
        if len(classes) < 2:
            raise DataError(
                f"{path}: all {len(golds):,} labels in '{column}' are '{classes[0]}'; add texts of another class"
            )
        number = {name: i for i, name in enumerate(classes)}
        golds = [number[name] for name in golds]
    elif golds:
        _check_gold(path, GOLD[kind], column, list(golds))
    gold = np.array(golds or [0.0] * len(texts), np.float64)
    return ItemSet(kind, "", path.name, tuple(texts), gold, ("",) * len(texts)), classes


def in_order(classes: set[str]) -> tuple[str, ...]:
    """The names of classes in the order of their numbers: by value if all are numbers, else by the alphabet."""
    if all(map(is_number, classes)):
        return tuple(sorted(classes, key=lambda name: (float(name), name)))
    return tuple(sorted(classes))


def _class(table: Table, line: int, cells: Any, place: int, role: str) -> str:
    cell = cells[place]
    text = "" if cell is None else " ".join(str(cell).split())
    if not text or isinstance(cell, list | dict):
        what = "empty" if not text else f"{cell!r}, which is no class"
        raise DataError(
            f"{table.place(line, place)}: {role} '{table.names[place]}' is {what}; write a class, or remove the row"
        )
    return text


def _text(table: Table, line: int, cells: Any, place: int) -> str:
    cell = cells[place]
    if isinstance(cell, str):
        words = " ".join(cell.split())
        if not words.isascii() and any("\ud800" <= character <= "\udfff" for character in words):
            raise DataError(
                f"{table.place(line, place)}: half of a surrogate pair in '{table.names[place]}'; remove the character"
            )
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
            # Python takes 1_0 for 10.
            score = math.nan if isinstance(cell, bool) or "_" in text else float(text)
        except ValueError:
            score = math.nan
        if math.isfinite(score):
            return score
        wrong, remedy = "no number", "write one, such as 3.5, or remove the row"
    shown = f"'{text}'" if text else "empty"
    raise DataError(f"{table.place(line, place)}: '{table.names[place]}' is {shown}, {wrong}; {remedy}")


def _sha256(paths: Sequence[Path]) -> str:
    if len(paths) > 1:
        return hashlib.sha256(" ".join(_sha256([path]) for path in paths).encode()).hexdigest()
    found = hashlib.sha256()
    with paths[0].open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def _check_gold(path: Path, role: str, name: str, gold: list[float]) -> None:
    if min(gold) < max(gold):
        return
    if role == "label":
        raise DataError(f"{path}: all {len(gold):,} labels in '{name}' are {gold[0]:g}; add pairs with the other label")
    raise DataError(f"{path}: all {len(gold):,} scores in '{name}' are {gold[0]:g}; add pairs with other scores")
