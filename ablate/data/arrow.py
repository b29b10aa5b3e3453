"""Reads Parquet, and the folders that ``datasets`` writes with ``save_to_disk``, by pyarrow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.distribution import pip_install
from ablate.errors import DataError

Rows = Iterator[tuple[int, Sequence[Any]]]
"""The number of each row's line, or of the row where there are no lines, from 1; and its cells."""

STATE = "state.json"
"""The file of a saved folder that lists its data files."""

_PARTS = "dataset_dict.json"


@dataclass(frozen=True)
class Columns:
    """What is read without reading the rows. names: of the columns. count: of the rows."""

    names: tuple[str, ...]
    count: int
    rows: Callable[[], Rows]


def parquet(path: Path) -> Columns:
    """Opens a Parquet file.

    Raises:
        DataError: it is none, or pyarrow is not installed.
    """
    with _pyarrow(path, "Parquet needs pyarrow", "not Parquet, or cut short"):
        from pyarrow.parquet import ParquetFile

        file = ParquetFile(path)
        names, count = tuple(file.schema_arrow.names), int(file.metadata.num_rows)

    def rows() -> Rows:
        with _pyarrow(path, "Parquet needs pyarrow", "not Parquet, or cut short"):
            yield from _numbered(ParquetFile(path).iter_batches())

    return Columns(names, count, rows)


def saved(folder: Path) -> Columns:
    """Opens a folder that ``Dataset.save_to_disk`` wrote.

    Raises:
        DataError: it is none, it has several parts, or pyarrow is not installed.
    """
    files = data_files(folder)
    with _pyarrow(folder, "a folder of datasets needs pyarrow", "its data files are cut short"):
        from pyarrow import ipc, memory_map

        schema, count = None, 0
        for file in files:
            with ipc.open_stream(memory_map(str(file))) as stream:
                schema = stream.schema
                count += sum(batch.num_rows for batch in stream)
    assert schema is not None

    def batches() -> Iterator[Any]:
        for file in files:
            with ipc.open_stream(memory_map(str(file))) as stream:
                yield from stream

    return Columns(tuple(schema.names), count, lambda: _numbered(batches()))


def data_files(folder: Path) -> tuple[Path, ...]:
    """The data files of a folder that ``Dataset.save_to_disk`` wrote.

    Raises:
        DataError: it is no such folder, or a file of it is absent; of a ``DatasetDict`` the message names the parts.
    """
    if (folder / _PARTS).is_file():
        parts = [str(folder / name) for name in _listed(folder / _PARTS, "splits")]
        raise DataError(f"{folder}: a folder of several parts; name one of {', '.join(parts)}")
    if not (folder / STATE).is_file():
        raise DataError(
            f"{folder}: a folder that neither `save_to_disk` of datasets wrote ({STATE} is not there) nor BEIR "
            "(corpus.jsonl is not there); name a file, or save the folder again"
        )
    files = tuple(folder / entry["filename"] for entry in _listed(folder / STATE, "_data_files"))
    if missing := [file for file in files if not file.is_file()]:
        raise DataError(f"{missing[0]}: is not there, and {folder / STATE} names it; copy the folder again")
    if not files:
        raise DataError(f"{folder / STATE}: names no data files; save the folder again")
    return files


def _listed(path: Path, name: str) -> list[Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))[name]
        if isinstance(found, list) and all(isinstance(each, str) or "filename" in each for each in found):
            return found
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise DataError(f"{path}: has no list '{name}', as datasets writes it; save the folder again")


@contextmanager
def _pyarrow(path: Path, needs: str, fault: str) -> Iterator[None]:
    """Tells errors of pyarrow with the path."""
    try:
        from pyarrow import ArrowException
    except ImportError:
        raise DataError(f"{path}: {needs}; `{pip_install('report')}`, or save the file as CSV") from None
    try:
        yield
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: {fault} ({' '.join(str(error).split())}); write it again") from None


def _numbered(batches: Iterable[Any]) -> Rows:
    number = 0
    for batch in batches:
        for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            number += 1
            yield number, cells
