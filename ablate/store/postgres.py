"""What is particular to PostgreSQL: its driver, its clock, and what its errors mean."""

from __future__ import annotations

import re
from typing import Literal

from sqlalchemy import URL, Connection, Engine, create_engine, func, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from ablate.arguments import argument
from ablate.errors import StoreError

_CONNECT_SECONDS = 10
_AGAIN = "give the same command again, which continues from what is stored"

_STATES = {
    "28000": "refuses this user: check user and password in the URL, or pg_hba.conf",
    "28P01": "refuses the password: check user and password in the URL, or set PGPASSWORD",
    "3D000": "does not exist on this server: make it with `createdb`, or check the name in the URL",
    "42501": "may not be used so by this user: GRANT CREATE, USAGE ON SCHEMA public and rights on its ablate_ tables",
    "42P01": "lacks a table, because an older ablate made it: the next `ablate run` adds it",
    "25006": "is read-only, as on a standby server: give the URL of the primary",
    "53100": f"cannot grow, the server's disk is full: make room and {_AGAIN}",
    "53300": f"has no connection left: raise max_connections or start fewer runs, and {_AGAIN}",
}
"""SQLSTATE -> what is wrong. Source: https://www.postgresql.org/docs/15/errcodes-appendix.html"""

_TEXTS = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    "no pg_hba.conf entry": "28000",
    'role ".*" does not exist': "28000",
    'database ".*" does not exist': "3D000",
    "too many clients": "53300",
    "remaining connection slots": "53300",
}
"""A pattern of what libpq says of a connection that fails, for which psycopg has no SQLSTATE -> its SQLSTATE."""

_COLLIDED = {"40001", "40P01"}
"""A transaction that collided with another (serialization failure, deadlock) and was rolled back."""


def is_postgres(url: URL) -> bool:
    """Whether a URL names a PostgreSQL database, also by the short name that libpq takes."""
    return url.get_backend_name() in ("postgresql", "postgres")


def with_driver(name: str, url: URL) -> URL:
    """The URL with psycopg 3 as driver. Without one, SQLAlchemy would take psycopg2.

    Raises:
        StoreError: the URL names another driver.
    """
    _, _, driver = url.drivername.partition("+")
    if driver not in ("", "psycopg"):
        raise StoreError(
            f"the store {name}: ablate uses psycopg 3: give the URL as postgresql://, without +{driver}, or give "
            f"another {argument('store')}"
        )
    return url.set(drivername="postgresql+psycopg")


def engine_of(name: str, url: URL) -> Engine:
    """The engine of a database, from which :func:`reader` and :func:`writer` are made.

    Raises:
        StoreError: the driver is not installed.
    """
    patience = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_SECONDS}
    try:
        return create_engine(url, pool_pre_ping=True, connect_args=patience)
    except ImportError as error:
        raise StoreError(
            f"the store {name}: the driver for PostgreSQL is not installed: pip install 'ablate-embeddings[postgres]', "
            f"or give another {argument('store')}"
        ) from error


def reader(engine: Engine) -> Engine:
    """The engine for transactions that see a single state and write nothing, whatever the server's defaults are."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def writer(engine: Engine) -> Engine:
    """The engine for transactions that write. Rows that others change are locked, and read as they are then."""
    return engine.execution_options(isolation_level="READ COMMITTED", postgresql_readonly=False)


def may_be_repeated(error: DBAPIError) -> bool:
    """Whether a transaction failed for a reason that passes: a collision with another, or a connection that was cut."""
    return isinstance(error, IntegrityError) or error.connection_invalidated or _state(error.orig) in _COLLIDED


def now(connection: Connection) -> float:
    """The time of the server, the only clock that all machines share, in seconds since 1970."""
    return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())


def lock(connection: Connection, what: Literal["tables", "claims"]) -> None:
    """Waits until no other transaction on this database holds the same lock, and holds it until its own end."""
    key = int.from_bytes(f"ablt{what[:4]}".encode(), "big")
    connection.execute(select(func.pg_advisory_xact_lock(key)))


def explain(error: BaseException | None) -> str | None:
    """What an error of psycopg means and what to do; None if it is not one that users can mend."""
    if not type(error).__module__.startswith("psycopg"):
        return None
    state = _state(error)
    if state in _STATES:
        return _STATES[state]
    text = str(error)
    for pattern, known in _TEXTS.items():
        if re.search(pattern, text):
            return _STATES[known]
    if type(error).__name__ in ("OperationalError", "ConnectionTimeout", "AdminShutdown", "CrashShutdown"):
        first = text.partition("\n")[0].strip()
        return f"cannot be reached ({first}): check that it runs, and host and port; then {_AGAIN}"
    return None


def _state(error: BaseException | None) -> str | None:
    state = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) else None
