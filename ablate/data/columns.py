"""Finds the columns of a table that hold the texts and the gold of a kind of items: by name, else by type."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any

from ablate.data.tables import Table, is_number
from ablate.errors import DataError, suggest

TEXTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sts": ("first", "second"),
        "pairs": ("first", "second"),
        "triplets": ("anchor", "positive", "negative"),
    }
)
"""Kind -> its columns of texts, as ``columns`` in a recipe names them."""

GOLD: Mapping[str, str] = MappingProxyType({"sts": "score", "pairs": "label"})
"""Kind -> its column of numbers."""

_PAIRS = (
    ("sentence1", "sentence2"),
    ("text1", "text2"),
    ("sent1", "sent2"),
    ("s1", "s2"),
    ("sentencea", "sentenceb"),
    ("texta", "textb"),
    ("question1", "question2"),
    ("1string", "2string"),  # MRPC's
    ("first", "second"),
    ("left", "right"),
    ("premise", "hypothesis"),
    ("anchor", "positive"),
    ("query", "positive"),
    ("query", "document"),
    ("query", "passage"),
    ("question", "answer"),
)
_TRIPLETS = tuple(
    (anchor, *others)
    for anchor in ("anchor", "query", "question", "sentence", "text")
    for others in (("positive", "negative"), ("pos", "neg"))
)
_NUMBERS = {
    "score": (
        *("score", "similarity", "similarityscore", "sim", "goldscore", "gold", "rating"),
        *("relatedness", "relatednessscore", "label", "labels"),
    ),
    "label": (
        *("label", "labels", "isduplicate", "isparaphrase", "duplicate", "paraphrase", "quality", "match", "score"),
    ),
}
_NUMBERING = {"", "id", "idx", "index", "unnamed0", "row", "pairid"}
"""Names of columns that number the rows."""

SPLITS: Mapping[str, str] = MappingProxyType(
    {"train": "train", "dev": "dev", "validation": "dev", "val": "dev", "valid": "dev", "test": "test"}
)
"""What a column calls a split, in lower case -> the split."""

_SAMPLE = 200


def find_columns(table: Table, kind: str, given: Mapping[str, str]) -> dict[str, int]:
    """The number of the column of each role of a kind.

    Args:
        given: role -> the name of its column, for those that the user names.

    Raises:
        DataError: a named column is absent, or the others cannot be told.
    """
    keys = [_plain(name) for name in table.names]
    found = {role: column_at(table, role, name) for role, name in given.items()}
    roles = TEXTS[kind]
    if not set(roles) & set(found):
        schemes = _TRIPLETS if kind == "triplets" else _PAIRS
        scheme = next((scheme for scheme in schemes if set(scheme) <= set(keys)), ())
        found |= {role: keys.index(key) for role, key in zip(roles, scheme, strict=False)}
    gold = GOLD.get(kind)
    if gold and gold not in found:
        free = [key for key in _NUMBERS[gold] if key in keys and keys.index(key) not in found.values()]
        found |= {gold: keys.index(free[0])} if free else {}
    needed = [*roles, *([gold] if gold else [])]
    if missing := [role for role in needed if role not in found]:
        found |= _by_type(table, kind, missing, set(found.values()))
    return {role: found[role] for role in needed}


def guess_kind(table: Table) -> str:
    """The kind of items that a table seems to have: ``sts``, ``pairs`` or ``triplets``."""
    keys = {_plain(name) for name in table.names}
    texts, numbers = _types(table, set())
    if any(set(scheme) <= keys for scheme in _TRIPLETS) or (len(texts) == 3 and not numbers):
        return "triplets"
    named = [i for i, name in enumerate(table.names) if _plain(name) in {*_NUMBERS["score"], *_NUMBERS["label"]}]
    values = {str(cells[i]).strip().lower() for i in named or numbers for _, cells in islice(table.rows(), _SAMPLE)}
    return "pairs" if values and values <= {"0", "1", "0.0", "1.0", "true", "false"} else "sts"


def split_column(table: Table) -> str | None:
    """The column that says of which split a row is, by the first rows: all of its cells are names of splits."""
    rows = [cells for _, cells in islice(table.rows(), _SAMPLE)]
    found = (i for i in range(len(table.names)) if rows and all(_is_split(row[i]) for row in rows))
    return next((table.names[i] for i in found), None)


def column_at(table: Table, role: str, name: str) -> int:
    """The number of a column by its name, in any case.

    Raises:
        DataError: there is none.
    """
    if name in table.names:
        return table.names.index(name)
    lower = [each.lower() for each in table.names]
    if lower.count(name.lower()) == 1:
        return lower.index(name.lower())
    raise DataError(f"{table.path}:1: no column '{name}' ({role}); {suggest(name, filter(None, table.names))}")


def _by_type(table: Table, kind: str, missing: Sequence[str], taken: set[int]) -> dict[str, int]:
    """Columns for the roles without one: the texts in their order, if there are as many, and the only number."""
    texts, numbers = _types(table, taken)
    found: dict[str, int] = {}
    for roles, columns, what in (
        ([role for role in missing if role in TEXTS[kind]], texts, "of text"),
        ([role for role in missing if role == GOLD.get(kind)], numbers, "of numbers"),
    ):
        if roles and len(columns) != len(roles):
            names = ", ".join(f"'{table.names[i]}'" for i in columns) or "none"
            there = ", ".join(f"'{name}'" for name in table.names)
            raise DataError(
                f"{table.path}:1: cannot tell the column{'s' if roles[1:] else ''} {' and '.join(roles)} among {there} "
                f"({what}: {names}); name {'them' if roles[1:] else 'it'} in columns: "
                f"{{{', '.join(f'{role}: …' for role in roles)}}}"
            )
        found |= dict(zip(roles, columns, strict=True)) if roles else {}
    return found


def _types(table: Table, taken: set[int]) -> tuple[list[int], list[int]]:
    """The columns of text and those of numbers, by the first rows."""
    rows = [cells for _, cells in islice(table.rows(), _SAMPLE)]
    free = [i for i in range(len(table.names)) if i not in taken and _plain(table.names[i]) not in _NUMBERING]

    def cells(i: int) -> list[Any]:
        return [row[i] for row in rows if row[i] not in (None, "")]

    numbers = [i for i in free if cells(i) and all(map(is_number, cells(i)))]
    texts = [i for i in free if i not in numbers and cells(i) and all(isinstance(cell, str) for cell in cells(i))]
    texts = [i for i in texts if not all(map(_is_split, cells(i)))]
    return texts, numbers


def _is_split(cell: Any) -> bool:
    return isinstance(cell, str) and cell.strip().lower() in SPLITS


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())
