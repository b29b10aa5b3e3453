"""The tables of a store, and the JSON texts in them, each of which carries its own checksum."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
)

from ablate.errors import StoreError

APPLICATION = "ablate"
VERSION = 1

_metadata = MetaData()
_meta = Table(
    "ablate_meta",
    _metadata,
    Column("application", Text, primary_key=True),
    Column("version", Integer, nullable=False),
)
# The names are prefixed because a PostgreSQL database may be shared with other programs.
scores = Table(
    "ablate_scores",
    _metadata,
    Column("key", Text, primary_key=True),
    Column("entry", Text, nullable=False),
)
masks = Table(
    "ablate_masks",
    _metadata,
    Column("key", Text, primary_key=True),
    Column("entry", Text, nullable=False),
)
trained = Table(
    "ablate_trained",
    _metadata,
    Column("key", Text, primary_key=True),
    Column("entry", Text, nullable=False),
)
results = Table(
    "ablate_results",
    _metadata,
    Column("key", Text, primary_key=True),
    Column("entry", Text, nullable=False),
    Column("similarities", LargeBinary),
)
panels = Table(
    "ablate_panels",
    _metadata,
    Column("key", Text, primary_key=True),
    Column("entry", Text, nullable=False),
)
runs = Table(
    "ablate_runs",
    _metadata,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("started", Double, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("chosen", Double),
    Column("choice", Text),
    Column("finished", Double),
    Column("about", Text),
)
rows = Table(
    "ablate_rows",
    _metadata,
    Column("run", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("entry", Text, nullable=False),
)
reads = Table(
    "ablate_reads",
    _metadata,
    Column("number", Integer, primary_key=True),
    Column("run", Text, nullable=False),
    Column("task", Text, nullable=False, index=True),
    Column("cells", Integer, nullable=False),
    Column("at", Double, nullable=False),
)


class Damaged(StoreError):
    """Something stored is missing, or is not what was put there."""


def version(connection: Connection) -> int | None:
    """The schema version of the store, None where there is no store yet."""
    if not inspect(connection).has_table(_meta.name):
        return None
    found = connection.execute(select(_meta.c.version).where(_meta.c.application == APPLICATION)).scalar()
    return None if found is None else int(found)


def lacks_tables(connection: Connection) -> bool:
    """Whether an ablate older than some of the tables made this store."""
    return not set(_metadata.tables) <= set(inspect(connection).get_table_names())


def create(connection: Connection) -> None:
    """Makes the tables that are not there yet."""
    _metadata.create_all(connection)
    if version(connection) is None:
        connection.execute(insert(_meta).values(application=APPLICATION, version=VERSION))


def pack(owner: str, content: Any) -> str:
    """JSON text of ``content`` with a sha256 over ``owner`` (the key that it belongs to) and the content.

    Raises:
        TypeError, ValueError: JSON cannot hold the content (NaN and infinity included).
    """
    # ASCII only, so that NUL, lone surrogates and the like travel as escapes through every database.
    body = json.dumps(content, ensure_ascii=True, allow_nan=False)
    return _wrap(owner, body)


def unpack(owner: str, text: object) -> Any:
    """The content that :func:`pack` was given.

    Raises:
        Damaged: the text is not what :func:`pack` made for this owner.
    """
    start = len(_wrap(owner, "")) - 1
    if not isinstance(text, str) or _wrap(owner, text[start:-1]) != text:
        raise Damaged(f"what is stored under {owner!r} does not match its checksum")
    return json.loads(text[start:-1])


def _wrap(owner: str, body: str) -> str:
    digest = hashlib.sha256(f"{owner}\0{body}".encode("utf-8", "surrogatepass")).hexdigest()
    return f'{{"sha256": "{digest}", "content": {body}}}'


def check_name(what: str, name: str) -> None:
    """Raises StoreError if ``name`` cannot be stored as text: it holds NUL or half a surrogate pair."""
    if "\0" in name or any("\ud800" <= c <= "\udfff" for c in name):
        raise StoreError(f"the {what} {name!r} cannot be stored: take NUL and lone surrogates out of it")
