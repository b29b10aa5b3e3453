"""Passwords in URLs do not reach messages, records or reports."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from ablate.redact import without_passwords
from ablate.store.place import locate
from ablate.store.store import Store


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:PW@host/db", "postgresql://me:***@host/db"),
        ("postgresql+psycopg://me:P@W/x:y@host:5432/db", "postgresql+psycopg://me:***@host:5432/db"),
        ("postgresql://host/db?password=PW&sslmode=require", "postgresql://host/db?password=***&sslmode=require"),
        ("postgresql://me:PW@host/db?user=me&PASSWORD=PW", "postgresql://me:***@host/db?user=me&PASSWORD=***"),
        (
            "ablate run r.yaml --store postgresql://:PW@host/db -o x",
            "ablate run r.yaml --store postgresql://:***@host/db -o x",
        ),
        ("ablate run r.yaml --store runs/a.db", "ablate run r.yaml --store runs/a.db"),
        ("https://host:443/path", "https://host:443/path"),
    ],
)
def test_every_form(text: str, shown: str) -> None:
    assert without_passwords(text) == shown


def test_a_store_is_named_without_its_password() -> None:
    assert locate("postgresql://me:PW@host/db?password=PW").name == "postgresql://me:***@host/db?password=***"
    with pytest.raises(Exception, match="the store") as caught:
        locate("sqlite:///a.db?password=PW")
    assert "PW" not in str(caught.value)


def test_records_of_older_versions_are_shown_without_a_password(tmp_path: Path) -> None:
    url = "postgresql://me:PW@host/db"
    with Store(tmp_path / "a.db") as store:
        run = store.begin_run({"command": f"ablate run --store {url}", "store": url})
        store.put_rows(run, [], {"command": f"ablate run --store {url}", "store": url})
        shown = json.dumps([store.about(run), [info.manifest for info in store.runs()]])
    assert "PW" not in shown
    assert shown.count("postgresql://me:***@host/db") == 4
    assert b"PW" in (tmp_path / "a.db").read_bytes(), "the record itself has it, as those of older versions do"
    with sqlite3.connect(tmp_path / "a.db") as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
