"""Describes a store and checks every entry of it. No file changes, and SQLite creates none beside the store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from sqlalchemy import URL, func, select, text

from ablate.doctor.array_entries import check_files
from ablate.doctor.belonging import belonging
from ablate.doctor.damage import Audit, drop, findings
from ablate.doctor.finding import Finding, Section
from ablate.doctor.recomputed import Wanted
from ablate.doctor.result_entries import check_costs, check_judgments, check_results
from ablate.doctor.run_entries import check_runs
from ablate.doctor.verify import verify
from ablate.errors import StoreError
from ablate.models.device import resolve
from ablate.plugins import registry
from ablate.store import schema
from ablate.store.arrays import ArrayStore
from ablate.store.database import Database
from ablate.store.entries import arrays_of
from ablate.store.place import NoStoreYet, Place, check_store_file, locate, store_errors
from ablate.store.read_only import ReadOnlyStore

_WRITE_VERSION = 18
"""Offset of the file format write version in a SQLite header: 1 is a rollback journal, 2 is WAL.

Source: https://sqlite.org/fileformat2.html#database_header
"""


def store(
    where: str, *, verified: int = 0, seed: int = 0, drop_damaged: bool = False, device: str = "auto"
) -> tuple[Section, ...]:
    """The sections on the store at ``where``, a path or a URL. That it does not exist yet is not a fault.

    Args:
        verified: how many results to compute again.
        seed: chooses them.
        device: where they are computed.
        drop_damaged: delete what is damaged. Otherwise nothing changes.
    """
    title = f"Store {where if '://' not in where else '(a database URL)'}"
    sections: list[Section] = []
    try:
        place = locate(where)
        with store_errors(place.name):
            if _is_new(place):
                missing = f"--verify: there is no store {place.name}; name another with --store" if verified else None
                return (Section(title, (Finding("exists", "not yet; `ablate run` makes it", missing),)),)
            with _opened(place) as database:
                arrays = arrays_of(place, database)
                described, audit, wanted = _described(place, database, arrays)
                with database.reading() as connection:
                    commands = belonging(connection, audit)
                lines = findings(audit, commands, where, drop_damaged)
                sections.append(Section(title, (*described, *lines)))
                if verified:
                    opened = ReadOnlyStore(place, database)
                    try:
                        lines = verify(opened, registry(), wanted, verified, seed, resolve(device))
                    finally:
                        opened.remove_copies()
                    sections.append(Section("Verification", tuple(lines)))
            if drop_damaged:
                sections.append(Section("Repair", (_drop(place, audit),)))
    except NoStoreYet as error:
        missing = f"--verify: {error}" if verified else None
        sections.append(Section(title, (Finding("exists", "not yet; `ablate run` makes it", missing),)))
    except StoreError as error:
        sections.append(Section(title, (Finding("can be read", "no", str(error)),)))
    return tuple(sections)


def _is_new(place: Place) -> bool:
    # An empty file is a store that was never written: SQLite creates the file before it has content.
    if place.path is None:
        return False
    if place.path.exists() and (place.path.is_dir() or place.path.stat().st_size):
        check_store_file(place.name, place.path, create=False)
        return False
    check_store_file(place.name, place.path, create=True)
    return True


def _described(place: Place, database: Database, arrays: ArrayStore) -> tuple[list[Finding], Audit, dict[str, Wanted]]:
    """The lines on the store as a whole, what is damaged in it, and the results that can be computed again."""
    audit = Audit()
    with database.reading() as connection:
        version = schema.version(connection)
        if place.path is not None and connection.execute(text("PRAGMA integrity_check(1)")).scalar() != "ok":
            raise StoreError(f"the store {place.name} is damaged: restore it from a copy, or start a new one")
        finished = connection.execute(select(func.count(schema.rows.c.run.distinct()))).scalar()
        files = check_files(connection, arrays, audit)
        runs = check_runs(connection, files, audit)
        check_results(connection, arrays, runs, registry(), audit)
        check_judgments(connection, audit)
        check_costs(connection, audit)
    lines = [
        Finding("exists", place.name if place.path is None else str(place.path)),
        Finding("can be read", "yes"),
        Finding("schema", f"{version}, this ablate supports {schema.VERSION}"),
        Finding("runs", f"{audit.checked['run']}, {finished} of them finished"),
    ]
    if place.path is not None:
        # From the header, because SQLite reports `delete` for every file that it has opened as immutable.
        with place.path.open("rb") as file:
            wal = file.read(100)[_WRITE_VERSION] == 2
        size = (
            f"{_size(place.path.stat().st_size)}, and {len(arrays.digests())} files of arrays, {_size(arrays.size())}"
        )
        lines += [Finding("journal mode", "wal" if wal else "delete"), Finding("size", size)]
    else:
        lines.append(
            Finding("size", f"{len(arrays.digests())} files of arrays in the database, {_size(arrays.size())}")
        )
    lines += _checkpoints(place)
    return lines, audit, runs.wanted


def _checkpoints(place: Place) -> list[Finding]:
    """A line on the checkpoints beside the store, if there are any. They are no fault."""
    folder = place.files / "training"
    trainings = [path for path in folder.glob("*") if path.is_dir()]
    if not trainings:
        return []
    size = _size(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()))
    remedy = f"`ablate train` continues from them and removes them; if nobody will, delete {folder}"
    return [Finding("checkpoints", f"of {len(trainings)} unfinished trainings, {size}; {remedy}")]


def _drop(place: Place, audit: Audit) -> Finding:
    """Deletes what is damaged, and says how much it was."""
    database = Database(place, create=False)
    try:
        count = database.commit(lambda connection: drop(connection, audit.damages))
        # Also the files that no entry names any more.
        arrays = arrays_of(place, database)
        files = [digest for digest in arrays.digests() if not arrays.is_whole(digest)]
        for digest in files:
            arrays.remove(digest)
    finally:
        database.close()
    return Finding("deleted", f"damaged entries: {count}; damaged files: {len(files)}")


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
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.0f} KiB"
