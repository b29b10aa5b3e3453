"""Claims: one process at a time computes a key, and what a dead one claimed is free."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from ablate.errors import StoreError
from ablate.store import claims, schema
from ablate.store.store import Store

DIES = """
import os, sys
from ablate.store.store import Store
Store(sys.argv[1]).claims.take(["a", "b"])
os._exit(1)
"""


def dies_with_claims(path: Path) -> None:
    subprocess.run([sys.executable, "-c", DIES, str(path)], check=False)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Store, Store]:
    """The store as two runs have it open."""
    return Store(tmp_path / "s.db"), Store(tmp_path / "s.db")


def test_a_key_is_claimed_by_one_until_it_is_released(two: tuple[Store, Store]) -> None:
    first, second = (store.claims for store in two)
    assert first.take(["a", "b"]).mine == {"a", "b"}
    assert first.take(["a"]).mine == {"a"}, "one's own claim may be taken again"
    assert second.take(["b", "c"]).mine == {"c"}
    assert second.take(["b", "d"], all_or_none=True).mine == frozenset()
    assert second.busy(["a", "b", "c", "d"]) == {"a", "b"}
    first.release(["b"])
    taken = second.take(["b", "d"], all_or_none=True)
    assert taken.mine == {"b", "d"}
    assert not taken.attempts, "what was released was no attempt"


def test_what_is_stored_is_not_claimed_any_more(two: tuple[Store, Store]) -> None:
    first, second = two
    first.claims.take(["a"])
    first.put_judgments({"a": 1})
    assert second.claims.busy(["a"]) == set()


def test_a_store_that_is_closed_holds_no_claims(two: tuple[Store, Store]) -> None:
    first, second = two
    first.claims.take(["a"])
    first.close()
    assert second.claims.take(["a"]).attempts == {}


def test_the_claims_of_a_dead_process_are_free_at_once_and_count_as_attempts(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    dies_with_claims(path)
    with Store(path) as store:
        assert store.claims.busy(["a"]) == set()
        taken = store.claims.take(["a", "c"])
        assert taken.mine == {"a", "c"}
        assert dict(taken.attempts) == {"a": 1}
        store.claims.abandon(["a"])
        assert dict(store.claims.take(["a"]).attempts) == {"a": 1}, "kept, and not counted again"
        store.claims.release(["a"])
        assert store.claims.take(["a"]).attempts == {}
    dies_with_claims(path)
    dies_with_claims(path)
    with Store(path) as store:
        assert dict(store.claims.take(["b"]).attempts) == {"b": 3}


def test_claims_are_renewed_and_end_without_it(two: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LEASE_SECONDS", 0.6)
    monkeypatch.setattr(claims, "BEAT_SECONDS", 0.1)
    first, second = two
    first.claims.take(["a"])
    time.sleep(1.0)
    assert second.claims.busy(["a"]) == {"a"}
    first.claims._stop.set()
    time.sleep(1.0)
    assert second.claims.take(["a"]).mine == {"a"}


def test_a_sqlite_file_is_not_shared_with_another_machine(two: tuple[Store, Store]) -> None:
    first, second = two
    first.claims.take(["a"])
    elsewhere = update(schema.claims).values(owner="node7 12 1.00 abcd")
    first._database.commit(lambda connection: connection.execute(elsewhere))
    with pytest.raises(StoreError, match="in use by a run on node7: SQLite cannot be shared by machines"):
        second.claims.take(["a"])
