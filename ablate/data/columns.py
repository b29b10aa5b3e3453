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
        "retrieval": ("query", "positive"),
        "classification": ("text",),
        "clustering": ("text",),
    }
)
"""Kind -> its columns of texts, as ``columns`` in a recipe names them. A classification may also be of pairs."""

GOLD: Mapping[str, str] = MappingProxyType(
    {"sts": "score", "pairs": "label", "classification": "label", "clustering": "label"}
)
"""Kind -> its column of numbers, or of classes."""

CLASSES = ("classification", "clustering")
"""The kinds whose labels are classes: any texts or numbers."""

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
_QUERIES = tuple(
    (query, positive)
    for query in ("query", "question", "anchor")
    for positive in ("positive", "document", "passage", "answer", "pos")
)
_SINGLES = tuple(
    (name,)
    for name in (
        *("text", "sentence", "sentences", "utterance", "question", "query", "content", "document", "review"),
        *("message", "description", "title", "body"),
    )
)
_SCHEMES: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "sts": _PAIRS,
        "pairs": _PAIRS,
        "triplets": _TRIPLETS,
        "retrieval": (*_QUERIES, *_PAIRS),
        "classification": _SINGLES,
        "clustering": _SINGLES,
    }
)
_OF_CLASSES = ("label", "labels", "class", "category", "intent", "topic", "target", "labeltext", "cluster")
_NUMBERS = {
    "score": (
        *("score", "similarity", "similarityscore", "sim", "goldscore", "gold", "rating"),
        *("relatedness", "relatednessscore", "label", "labels"),
    ),
    "label": (
        *("label", "labels", "isduplicate", "isparaphrase", "duplicate", "paraphrase", "quality", "match", "score"),
    ),
}
_SCORES = {*_NUMBERS["score"]} - {"label", "labels"}
_GOLD_NAMES = {*_NUMBERS["score"], *_NUMBERS["label"]}
_WORDS = {"yes", "no", "y", "n", "t", "f", "0", "1", "true", "false"}
"""What labels of pairs may be called in other programs. They are refused with what to write."""
_NUMBERING = {"", "id", "idx", "index", "unnamed0", "row", "pairid"}
"""Names of columns that number the rows."""

SPLITS: Mapping[str, str] = MappingProxyType(
    {"train": "train", "dev": "dev", "validation": "dev", "val": "dev", "valid": "dev", "test": "test"}
)
"""What a column calls a split, in lower case -> the split."""

_SPLIT_NAMES = ("split", "splits", "fold", "part", "subset", "partition", "set")

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
    roles, schemes = TEXTS[kind], _SCHEMES[kind]
    if kind == "classification" and "text" not in found and (_of_pairs(keys) or {"first", "second"} & set(found)):
        roles, schemes = TEXTS["pairs"], _PAIRS
    if not set(roles) & set(found):
        scheme = next((scheme for scheme in schemes if set(scheme) <= set(keys)), ())
        found |= {role: keys.index(key) for role, key in zip(roles, scheme, strict=False)}
    gold = GOLD.get(kind)
    if gold and gold not in found:
        names = (*_OF_CLASSES, *_NUMBERS[gold]) if kind in CLASSES else _NUMBERS[gold]
        free = [key for key in names if key in keys and keys.index(key) not in found.values()]
        found |= {gold: keys.index(free[0])} if free else {}
    needed = [*roles, *([gold] if gold else [])]
    if missing := [role for role in needed if role not in found]:
        found |= _by_type(table, roles, gold, kind in CLASSES, missing, set(found.values()))
    return {role: found[role] for role in needed}


def _of_pairs(keys: Sequence[str]) -> bool:
    """Whether columns have the names of pairs, and none that of a single text."""
    single = any(scheme[0] in keys for scheme in _SINGLES if scheme[0] not in ("question", "query"))
    return not single and any(set(scheme) <= set(keys) for scheme in _PAIRS)


def guess_kind(table: Table) -> str:
    """The kind of items that a table seems to have.

    What has the columns of a classification may be a clustering too, and is taken for the first.
    """
    keys = {_plain(name) for name in table.names}
    texts, numbers = _types(table, set())
    # A column with the name of a score or a label is no text, whatever is in it. A fault in it is told on reading.
    texts = [i for i in texts if _plain(table.names[i]) not in _GOLD_NAMES]
    if any(set(scheme) <= keys for scheme in _TRIPLETS) or (len(texts) == 3 and not numbers):
        return "triplets"
    pairs = any(set(scheme) <= keys for scheme in _SCHEMES["retrieval"])
    named = [i for i, name in enumerate(table.names) if _plain(name) in {*_NUMBERS["score"], *_NUMBERS["label"]}]
    if not pairs and keys & set(_OF_CLASSES) and any(set(scheme) <= keys for scheme in _SINGLES):
        return "classification"
    if not named and not numbers and (pairs or len(texts) == 2):
        return "retrieval"
    if len(texts) == 1 and numbers and not keys & _SCORES:
        return "classification"
    values = {str(cells[i]).strip().lower() for i in named or numbers for _, cells in islice(table.rows(), _SAMPLE)}
    if values and (values <= {"0", "1", "0.0", "1.0", "true", "false"} or (named and not values - _WORDS)):
        return "pairs"
    return "sts"


def split_column(table: Table) -> str | None:
    """The column that says of which split a row is, by the first rows: all of its cells are names of splits.

    Of a column that is called so, some are enough: other words in it are refused when the rows are divided.
    """
    rows = [cells for _, cells in islice(table.rows(), _SAMPLE)]
    splits = [[_is_split(row[i]) for row in rows] for i in range(len(table.names))]
    found = (
        name
        for name, cells in zip(table.names, splits, strict=True)
        if rows and (all(cells) or (_plain(name) in _SPLIT_NAMES and any(cells)))
    )
    return next(found, None)


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


def _by_type(
    table: Table, roles: Sequence[str], gold: str | None, classes: bool, missing: Sequence[str], taken: set[int]
) -> dict[str, int]:
    """Columns for the roles without one: the texts in their order, if there are as many, and the only number.

    Args:
        classes: the gold is a class, which may be a text if no text is missing.
    """
    texts, numbers = _types(table, taken)
    found: dict[str, int] = {}
    wanted = [role for role in missing if role in roles]
    of_gold = texts if classes and not wanted and not numbers else numbers
    for roles_here, columns, what in (
        (wanted, texts, "of text"),
        ([role for role in missing if role == gold], of_gold, "of labels" if classes else "of numbers"),
    ):
        if roles_here and len(columns) != len(roles_here):
            names = ", ".join(f"'{table.names[i]}'" for i in columns) or "none"
            there = ", ".join(f"'{name}'" for name in table.names)
            several = bool(roles_here[1:])
            asked = f"the column{'s' if several else ''} {' and '.join(roles_here)}"
            raise DataError(
                f"{table.path}:1: cannot tell {asked} among {there} ({what}: {names}); name "
                f"{'them' if several else 'it'} in columns: {{{', '.join(f'{role}: …' for role in roles_here)}}}"
            )
        found |= dict(zip(roles_here, columns, strict=True)) if roles_here else {}
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
