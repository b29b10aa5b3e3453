"""Claims: one process at a time computes a key, and what a dead one claimed is free."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from ablate.errors import StoreError
from ablate.store import claims, schema
from ablate.store.store import Store

RACE = """
import json, random, sys, time
from ablate.store.store import Store
store = Store(sys.argv[1])
shuffled, mine = random.Random(sys.argv[2]), []
print("ready", flush=True)
sys.stdin.readline()
turns = list(range(40))
shuffled.shuffle(turns)
for turn in turns:
    keys = [f"{turn} {number}" for number in range(6)]
    shuffled.shuffle(keys)
    mine += store.claims.take(keys, all_or_none=sys.argv[3] == "1").mine
    time.sleep(0.005)  # so that no process is done before the others have begun
print(json.dumps(mine), flush=True)
sys.stdin.readline()
import os
os._exit(0)  # claims stay
"""

DIES = """
import os, sys
from ablate.store.store import Store
Store(sys.argv[1]).claims.take(["a", "b"])
os._exit(1)
"""


def dies_with_claims(url: str) -> None:
    subprocess.run([sys.executable, "-c", DIES, url], check=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a new store."""
    if request.param == "sqlite":
        return str(tmp_path / "s.db")
    new: str = request.getfixturevalue("server").url()
    return new


@pytest.fixture
def two(url: str) -> Iterator[tuple[Store, Store]]:
    """The store as two runs have it open."""
    with Store(url) as first, Store(url) as second:
        yield first, second


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


def test_the_claims_of_a_dead_process_are_free_at_once_and_count_as_attempts(url: str) -> None:
    dies_with_claims(url)
    with Store(url) as store:
        assert store.claims.busy(["a"]) == set()
        taken = store.claims.take(["a", "c"])
        assert taken.mine == {"a", "c"}
        assert dict(taken.attempts) == {"a": 1}
        store.claims.abandon(["a"])
        assert dict(store.claims.take(["a"]).attempts) == {"a": 1}, "kept, and not counted again"
        store.claims.release(["a"])
        assert store.claims.take(["a"]).attempts == {}
    dies_with_claims(url)
    dies_with_claims(url)
    with Store(url) as store:
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


def test_a_sqlite_file_is_not_shared_with_another_machine_and_a_server_is(two: tuple[Store, Store], url: str) -> None:
    first, second = two
    first.claims.take(["a"])
    elsewhere = update(schema.claims).values(owner="node7 12 1.00 abcd")
    first._database.commit(lambda connection: connection.execute(elsewhere))
    if "://" in url:
        assert second.claims.take(["a", "b"]).mine == {"b"}
        return
    with pytest.raises(StoreError, match="in use by a run on node7: SQLite cannot be shared by machines"):
        second.claims.take(["a"])


@pytest.mark.parametrize("together", [False, True])
def test_processes_that_claim_the_same_keys_at_once_never_share_one(url: str, together: bool) -> None:
    """Four processes take the same keys, in orders of their own and over claims that have ended, 40 times at once."""
    with Store(url) as store:
        store.claims.take([f"{turn} {number}" for turn in range(40) for number in (0, 1)])
        ended = update(schema.claims).values(owner="node7 12 1.00 abcd", expires=1.0)
        store._database.commit(lambda connection: connection.execute(ended))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, url, str(seed), str(int(together))],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for seed in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    # All are alive until the last one is done, since the claims of a dead one are free.
    mine = [set(json.loads(process.stdout.readline())) for process in started if process.stdout is not None]
    assert [process.communicate(timeout=60)[1] for process in started] == [""] * 4
    assert sum(map(len, mine)) == len(set().union(*mine)), "a key has two owners"
    assert len(set().union(*mine)) == 40 * 6
    assert sum(bool(keys) for keys in mine) > 1, "one process was done before the others began"


def test_what_was_given_up_is_not_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "BEAT_SECONDS", 0.05)
    path = tmp_path / "s.db"
    with Store(path) as one, Store(path) as other:
        one.claims.take(["kept", "given up"])
        one.claims.abandon(["given up"])
        time.sleep(0.5)
        assert other.claims.busy(["kept", "given up"]) == {"kept"}
        assert other.claims.take(["given up"]).attempts == {"given up": 0}
