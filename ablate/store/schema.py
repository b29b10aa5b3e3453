"""The tables of a store, and the JSON texts in them. Each text contains its own checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
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
from ablate.store import postgres

APPLICATION = "ablate"
VERSION = 1

_metadata = MetaData()
_meta = Table(
    "ablate_meta",
    _metadata,
    Column("application", Text, primary_key=True),
    Column("version", Integer, nullable=False),
)
# The names have a prefix because a PostgreSQL database may be shared with other programs.
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
judgments = Table(
    "ablate_judgments",
    _metadata,
    Column("key", Text, primary_key=True),
    Column("entry", Text, nullable=False),
)
costs = Table(
    "ablate_costs",
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
claims = Table(
    "ablate_claims",
    _metadata,
    Column("key", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("expires", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
)
# Only where there is no folder for them: not in a SQLite file.
arrays = Table(
    "ablate_arrays",
    _metadata,
    Column("digest", Text, primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)


class Damaged(StoreError):
    """Stored content is missing, or differs from what was stored."""


def version(connection: Connection) -> int | None:
    """The schema version of the store; None if the database has no store yet."""
    if not inspect(connection).has_table(_meta.name):
        return None
    stored = connection.execute(select(_meta.c.version).where(_meta.c.application == APPLICATION)).scalar()
    return None if stored is None else int(stored)


def lacks_tables(connection: Connection) -> bool:
    """Whether the store lacks tables, because an older ablate made it."""
    return not {table.name for table in _tables(connection)} <= set(inspect(connection).get_table_names())


def create(connection: Connection) -> None:
    """Creates the tables that do not exist yet."""
    if connection.dialect.name == "postgresql":
        # Two runs that begin at once would both make the tables, and one would fail.
        postgres.lock(connection, "tables")
    _metadata.create_all(connection, tables=_tables(connection))
    if version(connection) is None:
        connection.execute(insert(_meta).values(application=APPLICATION, version=VERSION))


def _tables(connection: Connection) -> list[Table]:
    return [table for table in _metadata.sorted_tables if table is not arrays or connection.dialect.name != "sqlite"]


def pack(owner: str, content: Any) -> str:
    """Packs content as a JSON text with a checksum.

    Args:
        owner: the key under which the content is stored. The checksum covers it too, so that a text under another key
            is recognized as damaged.

    Raises:
        TypeError, ValueError: JSON cannot represent the content, for instance NaN or infinity.
    """
    # ASCII only: as escapes, characters such as NUL and lone surrogates survive in every database.
    body = json.dumps(content, ensure_ascii=True, allow_nan=False)
    return _wrap(owner, body)


def unpack(owner: str, text: object) -> Any:
    """The inverse of :func:`pack`.

    Raises:
        Damaged: the text is not one that :func:`pack` made for this owner.
    """
    try:
        return json.loads(_body(owner, text))
    except ValueError:
        raise Damaged(f"what is stored under {owner!r} is not JSON") from None


def unpack_all(texts: Mapping[str, object]) -> list[Any]:
    """What :func:`unpack` gives of each text, by owner. It reads them at once, which takes half the time.

    Raises:
        Damaged: as :func:`unpack` does.
    """
    bodies = [_body(owner, text) for owner, text in texts.items()]
    try:
        contents: list[Any] = json.loads(f"[{','.join(bodies)}]")
    except ValueError:
        contents = []
    # Not as many, or none: one has a checksum, and is no JSON. Read one by one, that one is named.
    return contents if len(contents) == len(bodies) else [unpack(owner, text) for owner, text in texts.items()]


def _body(owner: str, text: object) -> str:
    # The body is between a prefix of fixed length and a closing brace.
    start = len(_wrap(owner, "")) - 1
    if not isinstance(text, str) or _wrap(owner, text[start:-1]) != text:
        raise Damaged(f"what is stored under {owner!r} does not match its checksum")
    return text[start:-1]


def _wrap(owner: str, body: str) -> str:
    digest = hashlib.sha256(f"{owner}\0{body}".encode("utf-8", "surrogatepass")).hexdigest()
    return f'{{"sha256": "{digest}", "content": {body}}}'


def check_name(what: str, name: str) -> None:
    """Raises StoreError if a name cannot be stored as text, because it contains NUL or half a surrogate pair.

    Args:
        what: the kind of name, for the message.
    """
    if "\0" in name or (not name.isascii() and any("\ud800" <= c <= "\udfff" for c in name)):
        raise StoreError(f"the {what} {name!r} cannot be stored: remove NUL and lone surrogates from it")
