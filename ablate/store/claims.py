"""Claims: which process is computing what, so that several runs on one store share the work.

A claim is on a key of the store. It ends when something is stored under the key, when it is released, or when its owner
has not renewed it for :data:`LEASE_SECONDS`. A dead process of this machine is known to be dead, and its claims end at
once. A claim that ended in such a way counts as an attempt at the key.
"""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import psutil
from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select, update

from ablate.arguments import argument
from ablate.errors import StoreError
from ablate.store import postgres, schema
from ablate.store.database import Database

LEASE_SECONDS = 40.0
BEAT_SECONDS = 10.0

_ABANDONED = 0.0
_CHUNK = 500


@dataclass(frozen=True)
class Taken:
    """The answer to a request for claims.

    mine: the keys that this process may now compute.
    attempts: how often a process ended while it computed such a key, where one has.
    """

    mine: frozenset[str]
    attempts: Mapping[str, int]


class Claims:
    """The claims of one open store. A thread renews them as long as there are any.

    Args:
        name: of the store. shared: whether processes of other machines may use it, as they cannot a SQLite file.
    """

    def __init__(self, name: str, database: Database, shared: bool) -> None:
        self._name, self._database, self._shared = name, database, shared
        process = psutil.Process()
        self._owner = f"{socket.gethostname()} {process.pid} {process.create_time():.2f} {secrets.token_hex(4)}"
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._beat: threading.Thread | None = None

    def take(self, keys: Collection[str], *, all_or_none: bool = False) -> Taken:
        """Claims those of the keys that no other process is computing.

        Args:
            all_or_none: claim none, unless all of them are free.

        Raises:
            StoreError: a process of another machine uses this SQLite file.
        """
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return Taken(frozenset(), {})
        taken = self._database.commit(partial(self._take, wanted, all_or_none))
        with self._lock:
            self._held |= taken.mine
            if self._beat is None and self._held:
                self._beat = threading.Thread(target=self._renew, daemon=True)
                self._beat.start()
        return taken

    def release(self, keys: Iterable[str]) -> None:
        """Ends claims of this process. Those on what has been stored since have ended already."""
        with self._lock:
            ending = self._held.intersection(keys)
            self._held -= ending
        if ending:
            self._database.commit(partial(self._delete, sorted(ending)))

    def abandon(self, keys: Iterable[str]) -> None:
        """Ends claims of this process, and keeps the count of attempts."""
        ending = sorted(set(keys))
        with self._lock:
            self._held.difference_update(ending)

        def work(connection: Connection) -> None:
            for chunk in _chunks(ending):
                connection.execute(
                    update(schema.claims).where(schema.claims.c.key.in_(chunk)).values(expires=_ABANDONED)
                )

        self._database.commit(work)

    def busy(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that other processes are computing."""
        with self._database.reading() as connection:
            now = self._database.now(connection)
            rows = [row for chunk in _chunks(sorted(set(keys))) for row in connection.execute(_select(chunk))]
        return {row.key for row in rows if row.owner != self._owner and not _ended(row, now)}

    def stored(self, keys: Iterable[str]) -> None:
        """Forgets claims that ended because something was stored, in the transaction that stored it."""
        with self._lock:
            self._held.difference_update(keys)

    def close(self) -> None:
        """Releases all claims."""
        self._stop.set()
        if self._beat is not None:
            self._beat.join()
        # If the disk is full or the database gone, the claims end by themselves.
        with suppress(StoreError):
            self.release(set(self._held))

    def _take(self, keys: list[str], all_or_none: bool, connection: Connection) -> Taken:
        # SQLite has locked the whole file. Here one process claims at a time, and the rows that it finds are locked, so
        # that their owners do not end them until this is committed.
        if self._shared:
            postgres.lock(connection, "claims")
        found = (_select(chunk).with_for_update() for chunk in _chunks(keys))
        rows = {row.key: row for query in found for row in connection.execute(query)}
        now = self._database.now(connection)
        held = [row for row in rows.values() if row.owner != self._owner and not _ended(row, now)]
        for row in held:
            host = row.owner.split(" ")[0]
            if not self._shared and host != self._owner.split(" ")[0]:
                raise StoreError(
                    f"the store {self._name} is in use by a run on {host}: SQLite cannot be shared by machines, over a "
                    f"network file system it loses data; share a PostgreSQL store, or give another {argument('store')}"
                )
        free = [] if held and all_or_none else [key for key in keys if key not in {row.key for row in held}]
        again = [rows[key] for key in free if key in rows]
        attempts = {row.key: _attempts(row, self._owner) for row in again}
        own = {"owner": self._owner, "expires": now + LEASE_SECONDS}
        new = [{"key": key, "attempts": 0, **own} for key in free if key not in rows]
        if new:
            connection.execute(insert(schema.claims), new)
        changed = [{"of": key, "attempts": count, **own} for key, count in attempts.items()]
        if changed:
            connection.execute(update(schema.claims).where(schema.claims.c.key == bindparam("of")), changed)
        return Taken(frozenset(free), attempts)

    def _delete(self, keys: list[str], connection: Connection) -> None:
        for chunk in _chunks(keys):
            table = schema.claims
            connection.execute(delete(table).where(table.c.key.in_(chunk), table.c.owner == self._owner))

    def _renew(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            # A claim that was not renewed in time may be taken over: then a result is computed twice, and stored once.
            with suppress(StoreError):
                self._database.commit(self._extend)

    def _extend(self, connection: Connection) -> None:
        # An abandoned claim stays ended: other runs would wait for it, and the next would count an attempt more.
        mine = schema.claims.c.owner == self._owner, schema.claims.c.expires != _ABANDONED
        change = update(schema.claims).where(*mine)
        connection.execute(change.values(expires=self._database.now(connection) + LEASE_SECONDS))


def _select(keys: Collection[str]) -> Select[tuple[str, str, float, int]]:
    return select(schema.claims).where(schema.claims.c.key.in_(keys))


def _chunks(keys: list[str]) -> Iterable[list[str]]:
    return (keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK))


def _attempts(row: Row[tuple[str, str, float, int]], owner: str) -> int:
    """How often a process has ended while it held a claim that is free now."""
    ended = row.owner != owner and row.expires != _ABANDONED
    return int(row.attempts) + int(ended)


def _ended(row: Row[tuple[str, str, float, int]], now: float) -> bool:
    """Whether a claim was not renewed, or is that of a process of this machine that is no more."""
    if row.expires < now:
        return True
    host, pid, started, _ = row.owner.split(" ")
    if host != socket.gethostname():
        return False
    try:
        return abs(psutil.Process(int(pid)).create_time() - float(started)) > 1
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
