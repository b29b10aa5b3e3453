"""What `ablate data check` says of a user's own files."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ablate.data.beir import is_beir, qrels_names
from ablate.data.check_near import near_between, near_within
from ablate.data.columns import CLASSES, GOLD, TEXTS, guess_kind, split_column
from ablate.data.items import ItemSet, Key, normalize
from ablate.data.own import OwnFile, read_own
from ablate.data.parts import Part, counts, parts_of
from ablate.data.queries import QuerySet
from ablate.data.tables import open_table
from ablate.errors import DataError, suggest


def report(files: Sequence[Path], kind: str | None, columns: Sequence[str]) -> Iterator[str]:
    """What each file is taken for, and which items files have in common, in lines.

    Args:
        kind: of all files; guessed of each if None.
        columns: ``role=name`` texts.

    Raises:
        DataError: a file is malformed, or the kind or a column is unknown.
    """
    read: list[OwnFile] = []
    for path in files:
        for taken, file in read_as(path, kind, columns):
            read.append(file)
            # Only plain rows can be divided.
            splits = split_column(open_table(path)) if type(file.items) is ItemSet else None
            yield from _of_file(file, taken, "" if kind else " (guessed)", splits)
    for i, one in enumerate(read):
        for other in read[i + 1 :]:
            shared = len(_pairs(one.items) & _pairs(other.items))
            yield (
                f"{_shown(one)} and {_shown(other)}: {shared:,} pairs of texts in both"
                f"{'; in a run, those that have chosen are left out of the test' if shared else ''}"
            )
            yield f"  near-duplicates: {near_between(one.items, other.items)}"


def read_as(path: Path, kind: str | None, columns: Sequence[str]) -> Iterator[tuple[str, OwnFile]]:
    """The kind of a file, which is guessed if it is None, and what has been read; of a BEIR folder, for all its qrels.

    Raises: as :func:`report` does.
    """
    if kind is not None and kind not in TEXTS:
        raise DataError(f"--kind {kind}: no kind of file; {suggest(kind, TEXTS)}")
    folder = is_beir(path)
    taken = kind or ("retrieval" if folder else guess_kind(open_table(path)))
    for qrels in (qrels_names(path) or ["test"]) if folder else [None]:
        yield taken, read_own(path, taken, _named(columns, taken), qrels)


def _of_file(file: OwnFile, kind: str, guessed: str, splits: str | None) -> Iterator[str]:
    items = file.items
    columns = ", ".join(f"{role} = {name}" for role, name in file.columns.items())
    what = "queries" if kind == "retrieval" else "rows"
    yield f"{_shown(file)}: {kind}{guessed}, {len(items):,} {what}, sha256 {file.sha256[:12]}"
    if columns:
        yield f"  columns: {columns}"
    yield f"  texts: {len(items.sentences):,} different ones"
    yield from _of_gold(file, kind)
    yield f"  repeated: {_repeated(items, kind)}"
    yield f"  near-duplicates: {near_within(items)}"
    part = ""
    if splits is not None:
        sizes = counts(parts_of(file, Part(column=splits)))
        listed = ", ".join(f"{name} {count:,}" for name, count in sizes if count)
        yield f"  parts: {listed} rows, by column {splits}"
        part = f", part: {{column: {json.dumps(splits, ensure_ascii=False)}}}"
    if useless := _useless(items):
        yield f"  {useless}"
    task = json.dumps(f"my-{file.path.stem}", ensure_ascii=False)
    more = f", qrels: {json.dumps(file.qrels, ensure_ascii=False)}" if file.qrels else ""
    if file.columns:
        named = ", ".join(f"{role}: {json.dumps(name, ensure_ascii=False)}" for role, name in file.columns.items())
        more += f", columns: {{{named}}}"
    where = json.dumps(str(file.path), ensure_ascii=False)
    yield f"  recipe: tasks: {{{task}: {{kind: {kind}, file: {where}{more}{part}}}}}"


def _of_gold(file: OwnFile, kind: str) -> Iterator[str]:
    """On the scores, the labels, the classes or the relevant documents."""
    items = file.items
    if kind == "sts":
        low, middle, high = np.quantile(items.gold, (0, 0.5, 1))
        values = len(np.unique(items.gold))
        yield f"  scores: {low:g} to {high:g}, median {middle:g}, {values:,} different ones"
    elif kind == "pairs":
        positives = int(items.gold.sum())
        yield (
            f"  labels: {positives:,} are 1 and {len(items) - positives:,} are 0; cosines at random give an average "
            f"precision of about {100 * positives / len(items):.1f}"
        )
    elif kind in CLASSES:
        counts = np.bincount(items.gold.astype(np.intp))
        few, many = int(counts.argmin()), int(counts.argmax())
        of_each = f"from {counts[few]:,} texts of '{file.classes[few]}' to {counts[many]:,} of '{file.classes[many]}'"
        yield f"  classes: {len(counts):,}, " + (f"of {counts[few]:,} texts each" if few == many else of_each)
    elif isinstance(items, QuerySet):
        relevant = sum(map(len, items.relevant))
        yield f"  corpus: {len(items.documents):,} documents, of which queries have {relevant:,} relevant ones"
        if file.left_out:
            yield f"  left out: {file.left_out:,} queries without a relevant document in these qrels"


def _shown(file: OwnFile) -> str:
    return f"{file.path}, qrels {file.qrels}" if file.qrels else str(file.path)


def _repeated(items: ItemSet, kind: str) -> str:
    counts = Counter(items.keys)
    extra = len(items) - len(counts)
    if not extra:
        return "none (case, spaces and punctuation do not count)"
    text = f"{extra:,} of the rows (case, spaces and punctuation do not count); equal rows count as one cluster"
    gold: defaultdict[Key, set[float]] = defaultdict(set)
    for key, value in zip(items.keys, items.gold.tolist(), strict=True):
        gold[key].add(value)
    differing = sum(len(values) > 1 for values in gold.values())
    return f"{text}; items with several {GOLD[kind]}s: {differing:,}" if differing else text


def _useless(items: ItemSet) -> str:
    """On items that no model can get wrong, or right."""
    same = sum(len({normalize(text) for text in texts}) < len(texts) for texts in items.texts)
    return f"rows with one text twice: {same:,}" if same else ""


def _pairs(items: ItemSet) -> set[tuple[str, str]]:
    return {pair for pairs in items.compared for pair in pairs}


def _named(columns: Sequence[str], kind: str) -> dict[str, str]:
    roles = (*TEXTS[kind], *([GOLD[kind]] if kind in GOLD else ()))
    roles += TEXTS["pairs"] if kind == "classification" else ()
    named: dict[str, str] = {}
    for text in columns:
        role, equals, name = text.partition("=")
        if not (equals and name):
            raise DataError(f"--column {text}: not of the form ROLE=NAME; write it as in --column {roles[0]}=NAME")
        if role not in roles:
            raise DataError(f"--column {text}: kind {kind} has no '{role}'; {suggest(role, roles)}")
        if role in named:
            raise DataError(f"--column {text}: {role} is '{named[role]}' already; name one column")
        named[role] = name
    return named
