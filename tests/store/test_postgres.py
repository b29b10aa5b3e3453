"""A store on PostgreSQL: what its errors say, what survives of a server, and where its arrays are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from ablate.errors import StoreError
from ablate.store import array_table, claims, database
from ablate.store.store import Store
from tests.postgres_server import LOCKED, USER, Server
from tests.store.test_store import result


def one_line(url: str, *, create: bool = True) -> str:
    with pytest.raises(StoreError) as caught:
        Store(url, create=create)
    line = str(caught.value)
    assert "\n" not in line
    assert "wrong" not in line
    assert " store" in line
    return line


def test_each_reason_that_a_server_gives_is_one_line_without_the_password(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = f"127.0.0.1:{server.port}"
    assert "refuses the password: check user and password" in one_line(f"postgresql://{LOCKED}:wrong@{here}/postgres")
    assert "refuses the password: check user and password" in one_line(f"postgresql://{LOCKED}@{here}/postgres")
    assert "refuses this user" in one_line(f"postgresql://nobody_there:wrong@{here}/postgres")
    assert "does not exist on this server: make it with `createdb`" in one_line(server.url(database="absent"))
    assert "cannot be reached" in one_line(f"postgresql://me:wrong@127.0.0.1:{Server.free_port()}/db")
    assert "cannot be reached" in one_line("postgresql://me:wrong@no-such-host.invalid/db")
    assert f"there is no store at {server.url(database='postgres')} yet" in one_line(
        server.url(database="postgres"), create=False
    )
    # A user with a right password may connect, and PostgreSQL 15 lets only the owner make tables.
    new = server.url().replace(f"{USER}@", f"{LOCKED}:right@")
    assert "GRANT CREATE" in one_line(new)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'ablate-embeddings[postgres]'" in one_line(server.url(database="postgres"))


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_way_to_write_the_url(server: Server, scheme: str) -> None:
    url = server.url().replace("postgresql", scheme)
    with Store(url) as store:
        run = store.begin_run({"n": 1})
    with Store(url, create=False) as store:
        assert store.run_ids() == [run]


def test_arrays_are_found_from_every_folder_and_nothing_is_left_in_one(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABLATE_CACHE", str(tmp_path / "cache"))
    url = server.url()
    weights = {"b": np.arange(6, dtype=np.float32), "a": np.ones((2, 3), np.float32)}
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "first")
    with Store(url) as store:
        store.put_scores("k", np.ones(2, np.float32), {})
        store.put_trained("w", weights, {"loss": 0.5})
        assert store.trained_about("w") is not None
    monkeypatch.chdir(tmp_path / "second")
    with warnings.catch_warnings(), Store(url) as store:
        warnings.simplefilter("error")
        np.testing.assert_array_equal(store.get_scores("k"), [1, 1])
        file = store.trained_file("w")
        assert file is not None
        assert [path.parent.name for path in (tmp_path / "cache").rglob("*.safetensors")] == [file.path.parent.name]
        read = {name: tensor.numpy() for name, tensor in file.read().items()}
        assert list(read) == ["b", "a"]
        for name, expected in weights.items():
            np.testing.assert_array_equal(read[name], expected)
        with store.checkpoints("w") as folder:
            assert (tmp_path / "cache") in folder.parents
        store.remove_checkpoints("w")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [], "copies go when the store is closed"


def test_large_weights_are_stored_in_parts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_table, "PART", 1000)
    weights = np.random.default_rng(0).normal(size=2000).astype(np.float32)
    url = server.url()
    with Store(url) as store:
        store.put_trained("w", {"all": weights}, {})
        found = store.get_trained("w")
        assert found is not None
        np.testing.assert_array_equal(found["all"], weights)
    parts = server.sql("SELECT length(content) FROM ablate_arrays ORDER BY part", url.rpartition("/")[2])
    assert [size for (size,) in parts[:-1]] == [1000] * (len(parts) - 1)
    assert sum(size for (size,) in parts) > 8000


@pytest.mark.parametrize(
    "damage", ["DELETE FROM ablate_arrays", "UPDATE ablate_arrays SET content = substr(content, 2)"]
)
def test_arrays_that_are_damaged_or_lost_are_computed_again(server: Server, damage: str) -> None:
    url = server.url()
    with Store(url) as store:
        store.put_scores("k", np.ones(2, np.float32), {})
        store.put_trained("w", {"a": np.ones(3, np.float32)}, {})
        server.sql(damage, url.rpartition("/")[2])
        with pytest.warns(
            RuntimeWarning, match=r"the file \w{16} of arrays in the database is (missing|cut short or altered); it"
        ):
            assert store.get_scores("k") is None
        with pytest.warns(RuntimeWarning, match="it will be computed again"):
            assert store.trained_file("w") is None
        store.put_scores("k", np.ones(2, np.float32), {})
        np.testing.assert_array_equal(store.get_scores("k"), [1, 1])


def test_copies_that_a_killed_process_left_are_swept_and_those_in_use_stay(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABLATE_CACHE", str(tmp_path))
    url = server.url()
    with Store(url) as store:
        store.put_trained("w", {"a": np.ones(3, np.float32)}, {})
        file = store.trained_file("w")
        assert file is not None
        left, young = (file.path.parents[1] / name for name in ("left", "young"))
        for folder in (left, young):
            shutil.copytree(file.path.parent, folder)
        for folder in (left, file.path.parent):
            os.utime(folder, (time.time() - 3700,) * 2)
        Store(url, create=False).close()
        assert left.exists()
        Store(url).close()
        assert sorted(file.path.parents[1].iterdir()) == sorted([file.path.parent, young])
        assert file.read()["a"].tolist() == [1, 1, 1]


def test_a_store_whose_arrays_an_older_ablate_put_into_a_folder(server: Server) -> None:
    url = server.url()
    with Store(url) as store:
        store.put_scores("k", np.ones(2, np.float32), {})
        store.put_results({"r": result(1.0)})
    server.sql("DROP TABLE ablate_arrays", url.rpartition("/")[2])
    lacks = "lacks a table, because an older ablate made it: the next `ablate run` adds it"
    with Store(url, create=False) as store, pytest.raises(StoreError, match=lacks):
        store.get_scores("k")
    with Store(url) as store:
        with pytest.warns(RuntimeWarning, match="it will be computed again"):
            assert store.get_scores("k") is None
        assert list(store.get_results(["r"])) == ["r"]


def test_a_connection_that_is_cut_is_made_anew_and_the_transaction_runs_again(server: Server) -> None:
    url = server.url()
    name = url.rpartition("/")[2]
    kill = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    with Store(url) as store:
        store.put_results({"a": result(1.0)})
        server.sql(kill)  # between two transactions
        assert list(store.get_results(["a"])) == ["a"]
        cut: list[str] = []

        def in_the_middle(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if statement.startswith("INSERT INTO ablate_results") and not cut:
                cut.append(statement)
                server.sql(kill)

        event.listen(store._database._engine, "before_cursor_execute", in_the_middle)
        store.put_results({"b": result(2.0)})
        assert len(cut) == 1
        assert [one.score for one in store.get_results(["a", "b"]).values()] == [1.0, 2.0]


def test_a_server_that_comes_back_in_time_is_waited_for_and_one_that_does_not_is_one_line(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(server.url()) as store:
        store.put_results({"a": result(1.0)})
        server.stop()
        again = threading.Timer(1.0, server.start)
        again.start()
        store.put_results({"b": result(2.0)})
        again.join()
        monkeypatch.setattr(database, "_RESTART_SECONDS", 0.0)
        server.stop()
        try:
            with pytest.raises(
                StoreError, match="cannot be reached .*: check that it runs.* continues from what is stored"
            ) as caught:
                store.put_results({"c": result(3.0)})
            assert "\n" not in str(caught.value)
        finally:
            server.start()
        assert list(store.get_results(["a", "b", "c"])) == ["a", "b"]


def test_the_clock_of_claims_is_the_servers(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(server.url()) as first, Store(first.name) as second:
        first.claims.take(["a"])
        monkeypatch.setattr(time, "time", lambda: 10.0**10)  # a machine whose clock is wrong by centuries
        assert second.claims.busy(["a"]) == {"a"}
        assert second.claims.take(["a"]).mine == frozenset()
        second.claims.take(["b"])
        monkeypatch.undo()
        assert first.claims.busy(["b"]) == {"b"}
        expires = server.sql(
            "SELECT expires - extract(epoch FROM now()) FROM ablate_claims", first.name.rpartition("/")[2]
        )
        assert all(0 < float(left) <= claims.LEASE_SECONDS for (left,) in expires)


def test_one_process_at_a_time_trains_the_same_weights_also_on_another_machine(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[str] = []
    url = server.url()

    def train(name: str) -> None:
        with Store(url) as store, store.checkpoints("k") as folder:
            assert name in str(folder)
            began.append(name)
            time.sleep(0.5)
            began.append(name)

    threads = []
    for name in ("machine1", "machine2"):  # each with a cache of its own, so that no lock of a file is shared
        monkeypatch.setenv("ABLATE_CACHE", str(tmp_path / name))
        threads.append(threading.Thread(target=train, args=(name,)))
        threads[-1].start()
        while not (tmp_path / name / "stores").exists() and len(threads) == 1:
            time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert began in (["machine1"] * 2 + ["machine2"] * 2, ["machine2"] * 2 + ["machine1"] * 2)


def test_processes_that_make_the_tables_at_once(server: Server) -> None:
    url = server.url()
    program = "import sys; from ablate.store.store import Store; Store(sys.argv[1]).close()"
    started = [subprocess.Popen([sys.executable, "-c", program, url], stderr=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate()[1] for process in started] == [b""] * 3
    assert server.sql("SELECT count(*) FROM ablate_meta", url.rpartition("/")[2]) == [(1,)]


def test_a_sqlite_store_has_no_table_of_arrays(tmp_path: Path) -> None:
    from sqlalchemy import inspect

    with Store(tmp_path / "a.db") as store, store._database.reading() as connection:
        assert "ablate_arrays" not in inspect(connection).get_table_names()
        assert "ablate_claims" in inspect(connection).get_table_names()
