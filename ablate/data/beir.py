"""Reads a folder as BEIR has it: ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/NAME.tsv``.

https://github.com/beir-cellar/beir/wiki/Load-your-custom-dataset
"""

from __future__ import annotations

import math
import os
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ablate.data.queries import QuerySet
from ablate.data.tables import Table, open_table
from ablate.errors import DataError, suggest

CORPUS = "corpus.jsonl"
QUERIES = "queries.jsonl"
_QRELS = ("query-id", "corpus-id", "score")


@dataclass(frozen=True)
class Beir:
    """What has been read of a folder.

    items: the queries that have a relevant document.
    others: how many queries of the file have none in these qrels, and are left out.
    """

    items: QuerySet
    others: int


def is_beir(path: Path) -> bool:
    # os.path, because Path.is_dir raises an error for a name that is too long.
    return os.path.isdir(path) and any((path / name).exists() for name in (CORPUS, QUERIES, "qrels"))


def qrels_names(folder: Path) -> list[str]:
    """The names of the folder's qrels, such as ``test``."""
    return sorted(path.stem for path in (folder / "qrels").glob("*.tsv"))


def beir_files(folder: Path, qrels: str) -> tuple[Path, ...]:
    """The files of a folder, with these qrels.

    Raises:
        DataError: one is absent.
    """
    files = (folder / CORPUS, folder / QUERIES, folder / "qrels" / f"{qrels}.tsv")
    for file in files[:2]:
        if not file.is_file():
            raise DataError(f"{file}: is not there; a BEIR folder has {CORPUS}, {QUERIES} and qrels/NAME.tsv")
    if not files[2].is_file():
        names = qrels_names(folder)
        remedy = f"{suggest(qrels, names)}; say which with qrels" if names else "add the file"
        raise DataError(f"{files[2]}: is not there; {remedy}")
    return files


def read_beir(folder: Path, qrels: str) -> Beir:
    """Reads a folder. A document is its title and its text, with a space between them.

    Grades above 0 are relevant. A query without a relevant document is left out, as other splits have theirs in the
    same file.

    Raises:
        DataError: a file is absent or malformed, an id stands twice or is unknown, a query or a document has no text,
            or no query has a relevant document.
    """
    corpus, queries, judged = beir_files(folder, qrels)
    documents, texts = _texts(corpus, ("title",)), _texts(queries, ())
    number = {name: i for i, name in enumerate(documents)}
    relevant: dict[str, dict[int, float]] = {}
    for query, document, grade in _grades(judged, texts, number, (queries, corpus)):
        if grade > 0:
            relevant.setdefault(query, {})[document] = grade
    found = [name for name in texts if name in relevant]
    if not found:
        raise DataError(f"{judged}: no query has a document with a score above 0; add relevant documents")
    items = QuerySet(
        "retrieval",
        "",
        folder.name,
        tuple((texts[name],) for name in found),
        np.zeros(len(found)),
        ("",) * len(found),
        tuple(documents.values()),
        tuple(relevant[name] for name in found),
    )
    return Beir(items, len(texts) - len(found))


def _texts(path: Path, before: Sequence[str]) -> dict[str, str]:
    """The text behind each id. before: what is put before the text, if the file has it."""
    table = open_table(path, before)
    table.check_size()
    places = {name: i for i, name in enumerate(table.names)}
    if missing := [name for name in ("_id", "text") if name not in places]:
        there = ", ".join(table.names)
        raise DataError(f"{path}:1: no '{missing[0]}' in the object, which has {there}; BEIR's have _id and text")
    found: dict[str, str] = {}
    first: dict[str, int] = {}
    parts = [places[name] for name in (*before, "text") if name in places]
    for line, cells in table.rows():
        name = _id(table, line, cells, places["_id"])
        if name in found:
            raise DataError(f"{table.place(line, places['_id'])}: the id '{name}' is that of line {first[name]} too")
        words: list[str] = []
        for place in parts:
            if not isinstance(cells[place], str | None):
                wrong = f"'{table.names[place]}' is {cells[place]!r}, which is no text"
                raise DataError(f"{table.place(line, place)}: {wrong}; write one, or remove the line")
            words += (cells[place] or "").split()
        if not words:
            raise DataError(f"{table.place(line, places['text'])}: '{name}' has no text; write one, or remove the line")
        found[name], first[name] = " ".join(words), line
    return found


def _grades(
    path: Path, queries: dict[str, str], documents: dict[str, int], files: tuple[Path, Path]
) -> list[tuple[str, int, float]]:
    table = open_table(path)
    table.check_size()
    if missing := [name for name in _QRELS if name not in table.names]:
        raise DataError(f"{path}:1: no column '{missing[0]}'; the header of qrels is {', '.join(_QRELS)}, with tabs")
    at = [table.names.index(name) for name in _QRELS]
    first: dict[tuple[str, int], int] = {}
    known_ids: tuple[Container[str], ...] = (queries, documents)
    found = []
    for line, cells in table.rows():
        query, document = (_id(table, line, cells, place) for place in at[:2])
        for name, known, place, file in zip((query, document), known_ids, at, files, strict=False):
            if name not in known:
                raise DataError(
                    f"{table.place(line, place)}: '{name}' is in no line of {file}; correct the id, or remove the line"
                )
        pair = query, documents[document]
        if pair in first:
            raise DataError(f"{path}:{line}: the same query and document as in line {first[pair]}; remove one of them")
        first[pair] = line
        found.append((*pair, _grade(table, line, cells[at[2]], at[2])))
    return found


def _grade(table: Table, line: int, cell: Any, place: int) -> float:
    try:
        grade = float(cell)
    except ValueError:
        grade = math.nan
    if not math.isfinite(grade):
        raise DataError(f"{table.place(line, place)}: 'score' is '{cell}', no number; write 1 for a relevant document")
    return grade


def _id(table: Table, line: int, cells: Sequence[Any], place: int) -> str:
    cell = cells[place]
    if isinstance(cell, bool) or not isinstance(cell, str | int) or not str(cell).strip():
        raise DataError(f"{table.place(line, place)}: '{table.names[place]}' is {cell!r}, which is no id; write one")
    return str(cell).strip()
