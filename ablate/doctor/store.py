"""Describes a store. No file changes, and SQLite creates none beside the store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from sqlalchemy import URL, text

from ablate.doctor.finding import Finding, Section
from ablate.errors import StoreError
from ablate.store import schema
from ablate.store.arrays import is_whole
from ablate.store.database import Database
from ablate.store.place import Place, check_store_file, locate, store_errors
from ablate.store.run_log import RunLog

_WRITE_VERSION = 18
"""Offset of the file format write version in a SQLite header: 1 is a rollback journal, 2 is WAL.

Source: https://sqlite.org/fileformat2.html#database_header
"""


def store(where: str) -> Section:
    """The section on the store at ``where``, a path or a URL. That it does not exist yet is not a fault."""
    try:
        place = locate(where)
        with store_errors(place.name):
            findings = _findings(place)
    except StoreError as error:
        findings = [Finding("readable", "no", str(error))]
    return Section(f"Store {where if '://' not in where else '(a database URL)'}", tuple(findings))


def _findings(place: Place) -> list[Finding]:
    # An empty file is a store that was never written: SQLite creates the file before it has content.
    if place.path is not None and not (place.path.exists() and (place.path.is_dir() or place.path.stat().st_size)):
        check_store_file(place.name, place.path, create=True)
        return [Finding("exists", "not yet; `ablate run` makes it")]
    if place.path is not None:
        check_store_file(place.name, place.path, create=False)
    with _opened(place) as database:
        with database.reading() as connection:
            version = schema.version(connection)
            intact = place.path is None or connection.execute(text("PRAGMA integrity_check(1)")).scalar() == "ok"
        if not intact:
            raise StoreError(f"the store {place.name} is damaged: restore it from a copy, or start a new one")
        runs = RunLog(database).runs()
    finished = sum(run.rows > 0 for run in runs)
    findings = [
        Finding("exists", place.name if place.path is None else str(place.path)),
        Finding("readable", "yes"),
        Finding("schema", f"{version}, this ablate supports {schema.VERSION}"),
        Finding("runs", f"{len(runs)}, {finished} of them finished"),
    ]
    if place.path is None:
        return findings
    # From the header, because SQLite reports `delete` for every file that it has opened as immutable.
    with place.path.open("rb") as file:
        wal = file.read(100)[_WRITE_VERSION] == 2
    arrays = sorted(place.files.glob("*.safetensors"))
    sizes = sum(file.stat().st_size for file in arrays)
    findings += [
        Finding("journal mode", "wal" if wal else "delete"),
        Finding("size", f"{_size(place.path.stat().st_size)}, and {len(arrays)} files of arrays, {_size(sizes)}"),
    ]
    if altered := [file for file in arrays if not is_whole(file)]:
        remedy = "the next `ablate run` that needs their content computes it again"
        fix = f"{len(altered)} altered or cut short, such as {altered[0]}; {remedy}"
        findings.append(Finding("arrays", "damaged", fix))
    return findings


@contextmanager
def _opened(place: Place) -> Iterator[Database]:
    """The database, for reading. A SQLite file that has a journal is copied first, together with its journal."""
    if place.path is None:
        database = Database(place, create=False)
        try:
            yield database
        finally:
            database.close()
        return
    journals = [Path(f"{place.path}{suffix}") for suffix in ("-wal", "-journal")]
    journals = [path for path in journals if path.exists()]
    with TemporaryDirectory() as folder:
        path = place.path
        if journals:
            for file in (place.path, *journals):
                shutil.copyfile(file, Path(folder) / file.name)
            path = Path(folder) / place.path.name
        # `immutable` keeps SQLite from creating a -wal and a -shm file beside a WAL database. It also makes SQLite
        # ignore a journal, hence the copy, which SQLite may recover from its journal.
        query = {"mode": "rwc" if journals else "ro", "immutable": "0" if journals else "1", "uri": "true"}
        url = URL.create("sqlite", database=f"file:{quote(str(path))}", query=query)
        database = Database(replace(place, url=url, path=path), create=False)
        try:
            yield database
        finally:
            database.close()


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
