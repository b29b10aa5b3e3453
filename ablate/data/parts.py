"""Parts of a user's own file, by which one file serves as train, dev and test: by a column, or in seeded shares."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ablate.data.columns import SPLITS, column_at
from ablate.data.own import OwnFile
from ablate.data.shares import shared_out
from ablate.data.tables import open_table
from ablate.errors import DataError

Split = Literal["train", "dev", "test"]
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Counts(_Strict):
    """How many rows each part has."""

    train: Count = 0
    dev: Count = 0
    test: Count = 0


class Shares(_Strict):
    """The share of each part. Together they are 1."""

    train: Share | None = None
    dev: Share | None = None
    test: Share | None = None

    @model_validator(mode="after")
    def _all(self) -> Shares:
        total = sum(self.given.values())
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the shares add up to {total:g}; let them add up to 1")
        return self

    @property
    def given(self) -> dict[str, float]:
        """Part -> share."""
        return {name: share for name, share in self if share is not None}


class Part(_Strict):
    """Which rows of a file are train, dev and test.

    column: says so of each row: train, dev (or validation, val, valid) or test, in any case.
    shares: of the rows, drawn by ``seed`` (0 by default). Rows that share a text are in one part.
    rows: how many rows each part has, as records of runs have it; other numbers are refused.
    """

    column: str | None = None
    shares: Shares | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    rows: Counts | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Part:
        if (self.column is None) == (self.shares is None):
            raise ValueError("a part is {column: NAME} or {shares: {train: 0.2, dev: 0.3, test: 0.5}}; give one")
        if self.column is not None and self.seed is not None:
            raise ValueError("a seed is for shares, and the column decides; leave out the seed")
        return self

    def __str__(self) -> str:
        if self.shares is None:
            return f"by column '{self.column}'"
        asked = ", ".join(f"{name} {share:g}" for name, share in self.shares.given.items())
        return f"by shares of {asked} with seed {self.seed or 0}"


@lru_cache(maxsize=8)
def parts_of(file: OwnFile, part: Part) -> NDArray[np.str_]:
    """The part of each row of a file, [rows]: ``train``, ``dev`` or ``test``.

    Raises:
        DataError: the column is absent or holds something else, the shares cannot be had, or ``part.rows`` has other
            numbers.
    """
    if part.shares is not None:
        found = shared_out(file.items, part.shares.given, part.seed or 0, str(file.path))
    else:
        found = _named(file, str(part.column))
    if part.rows is not None and part.rows != counts(found):
        raise DataError(
            f"{file.path}: {part} its parts have {_listed(counts(found))} rows, and {_listed(part.rows)} are expected; "
            "restore the file, or leave out rows"
        )
    return found


def counts(parts: NDArray[np.str_]) -> Counts:
    """How many rows each part has."""
    return Counts(**Counter(parts.tolist()))


def rows_of(file: OwnFile, part: Part | None, split: str) -> NDArray[np.bool_]:
    """Which rows of a file are in the part of this name, bool [rows]; all of them without a part.

    Raises:
        DataError: none is, or those that are have one gold although the file has several, so that no model can be told
            from another.
    """
    if part is None:
        return np.ones(len(file.items), np.bool_)
    parts = parts_of(file, part)
    rows: NDArray[np.bool_] = parts == split
    if not rows.any():
        raise DataError(
            f"{file.path}: {part} no row is in '{split}' (there are {_listed(counts(parts))}); "
            f"give the task another split, or add rows of {split}"
        )
    gold = file.items.gold
    if split != "train" and np.ptp(gold[rows]) == 0 and np.ptp(gold) > 0:
        raise DataError(
            f"{file.path}: {part} all {int(rows.sum()):,} rows of '{split}' have {gold[rows][0]:g}; divide the rows "
            "otherwise, or add rows with another"
        )
    return rows


def _named(file: OwnFile, column: str) -> NDArray[np.str_]:
    table = open_table(file.path)
    place = column_at(table, "part", column)
    found: list[str] = []
    for line, cells in table.rows():
        split = SPLITS.get(str(cells[place] or "").strip().lower())
        if split is None:
            shown = "empty" if cells[place] in (None, "") else f"'{cells[place]}'"
            raise DataError(
                f"{table.place(line, place)}: '{table.names[place]}' is {shown}, which is no part; write one of "
                f"{', '.join(SPLITS)}"
            )
        found.append(split)
    return np.array(found)


def _listed(rows: Counts) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in rows if count) or "none"
