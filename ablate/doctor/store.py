"""What a store is and holds. It is read so that SQLite leaves its folder alone, too."""

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
"""The byte of a SQLite file that says how it is written: https://sqlite.org/fileformat2.html#database_header"""


def store(where: str) -> Section:
    """The store at ``where``, a path or a URL. One that is not there yet is no fault."""
    try:
        place = locate(where)
        with store_errors(place.name):
            findings = _findings(place)
    except StoreError as error:
        findings = [Finding("readable", "no", str(error))]
    return Section(f"Store {where if '://' not in where else '(a database URL)'}", tuple(findings))


def _findings(place: Place) -> list[Finding]:
    if place.path is not None and not (place.path.exists() and (place.path.is_dir() or place.path.stat().st_size)):
        check_store_file(place.name, place.path, create=True)
        return [Finding("exists", "not yet; `ablate run` makes it")]
    if place.path is not None:
        check_store_file(place.name, place.path, create=False)
    with _opened(place) as database:
        with database.reading() as connection:
            version = schema.version(connection)
            whole = place.path is None or connection.execute(text("PRAGMA integrity_check(1)")).scalar() == "ok"
        if not whole:
            raise StoreError(f"the store {place.name} is damaged: put a copy in its place, or begin a new one")
        runs = RunLog(database).runs()
    done = sum(run.rows > 0 for run in runs)
    findings = [
        Finding("exists", place.name if place.path is None else str(place.path)),
        Finding("readable", "yes"),
        Finding("schema", f"{version}, this ablate knows {schema.VERSION}"),
        Finding("runs", f"{len(runs)}, {done} of them finished"),
    ]
    if place.path is None:
        return findings
    with place.path.open("rb") as file:
        wal = file.read(100)[_WRITE_VERSION] == 2
    arrays = sorted(place.files.glob("*.safetensors"))
    sizes = sum(file.stat().st_size for file in arrays)
    altered = [file for file in arrays if not is_whole(file)]
    return [
        *findings,
        Finding("journal mode", "wal" if wal else "delete"),
        Finding("size", f"{_size(place.path.stat().st_size)}, and {len(arrays)} files of arrays, {_size(sizes)}"),
        *([_altered(altered)] if altered else []),
    ]


def _altered(files: list[Path]) -> Finding:
    remedy = "what they held is computed again by the next `ablate run` that needs it"
    return Finding("arrays", "damaged", f"{len(files)} altered or cut short, such as {files[0]}; {remedy}")


@contextmanager
def _opened(place: Place) -> Iterator[Database]:
    """The database to read. A SQLite file as it lies there, or, if a journal lies beside it, a copy of both."""
    if place.path is None:
        database = Database(place, create=False)
        try:
            yield database
        finally:
            database.close()
        return
    beside = [Path(f"{place.path}{ending}") for ending in ("-wal", "-journal")]
    beside = [path for path in beside if path.exists()]
    with TemporaryDirectory() as folder:
        path = place.path
        if beside:
            for file in (place.path, *beside):
                shutil.copyfile(file, Path(folder) / file.name)
            path = Path(folder) / place.path.name
        # Without this, reading a WAL database leaves two files beside it.
        query = {"mode": "rwc" if beside else "ro", "immutable": "0" if beside else "1", "uri": "true"}
        url = URL.create("sqlite", database=f"file:{quote(str(path))}", query=query)
        database = Database(replace(place, url=url, path=path), create=False)
        try:
            yield database
        finally:
            database.close()


def _size(octets: int) -> str:
    return f"{octets / 2**20:.1f} MiB"
