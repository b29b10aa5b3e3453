"""The store gives back exactly what was put, and opens nothing that is not its own."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from ablate.errors import StoreError
from ablate.store.store import Result, Store, StoredMask

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(st.text(st.characters()), json_values, max_size=4)
hostile = st.sampled_from(["'; DROP TABLE ablate_results; --", '"', "%_\\", "\u202e\u0301é🧪\n\t", "__metadata__", ""])
names = hostile | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
float32_vectors = hnp.arrays(
    np.float32, st.integers(0, 20), elements=st.floats(width=32, allow_nan=False, allow_infinity=True)
)


def result(score: float = 81.5, values: NDArray[np.float32] | None = None, **about: Any) -> Result:
    return Result("ok", None, score, values, 0.25, about)


BACKENDS = ["sqlite", "postgresql"]


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a new store."""
    if request.param == "sqlite":
        return str(tmp_path / "ablate.db")
    new: str = request.getfixturevalue("server").url()
    return new


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as opened:
        yield opened


@pytest.fixture(scope="module", params=BACKENDS)
def shared(request: pytest.FixtureRequest) -> Iterator[Store]:
    """One store for all examples of a property: keys are made distinct by a counter."""
    with tempfile.TemporaryDirectory() as folder:
        sqlite = request.param == "sqlite"
        place = f"{folder}/ablate.db" if sqlite else request.getfixturevalue("server").url()
        with Store(place) as opened:
            yield opened


Vector = NDArray[np.float32]
counter = iter(range(10**9))


@settings(max_examples=25, deadline=None)
@given(name=names, about=json_objects, scores=float32_vectors)
def test_scores_round_trip(shared: Store, name: str, about: dict[str, Any], scores: Vector) -> None:
    key = f"{name}{next(counter)}"
    assert shared.get_scores(key) is None
    assert shared.scores_about([key]).get(key) is None
    shared.put_scores(key, scores, about)
    found = shared.get_scores(key)
    assert found is not None
    assert found.dtype == np.float32
    assert found.tobytes() == scores.tobytes()
    assert shared.scores_about([key]).get(key) == about


@settings(max_examples=25, deadline=None)
@given(
    name=names,
    about=json_objects.filter(lambda about: "hash" not in about),
    units=st.dictionaries(names, hnp.arrays(np.bool_, st.integers(0, 40)), max_size=3),
)
def test_masks_round_trip(shared: Store, name: str, about: dict[str, Any], units: dict[str, NDArray[np.bool_]]) -> None:
    key = f"{name}{next(counter)}"
    assert shared.get_mask(key) is None
    assert shared.mask_about(key) is None
    shared.put_mask(key, StoredMask("h" * 64, units, about))
    found = shared.get_mask(key)
    assert found is not None
    assert (found.hash, found.about) == ("h" * 64, about)
    assert list(found.units) == list(units)
    for granularity, keep in units.items():
        assert found.units[granularity].dtype == np.bool_
        np.testing.assert_array_equal(found.units[granularity], keep)
    assert shared.mask_about(key) == {**about, "hash": "h" * 64}


@settings(max_examples=25, deadline=None)
@given(
    name=names,
    about=json_objects,
    reason=st.none() | st.text(),
    score=st.floats(allow_nan=False, allow_infinity=False),
    values=st.none() | hnp.arrays(np.float32, st.integers(0, 20)),
)
def test_results_round_trip(
    shared: Store,
    name: str,
    about: dict[str, Any],
    reason: str | None,
    score: float,
    values: NDArray[np.float32] | None,
) -> None:
    key = f"{name}{next(counter)}"
    shared.put_results({key: Result("ok", reason, score, values, 1.5, about)})
    found = shared.get_results([key, f"{key} absent"])
    assert list(found) == [key]
    got = found[key]
    assert (got.status, got.reason, got.score, got.seconds, got.about) == ("ok", reason, score, 1.5, about)
    if values is None:
        assert got.values is None
    else:
        assert got.values is not None
        assert got.values.dtype == np.float32
        assert got.values.tobytes() == values.tobytes()
    assert shared.get_results([key], values=False)[key].values is None


@settings(max_examples=25, deadline=None)
@given(
    manifest=json_objects,
    choice=json_objects,
    rows=st.lists(json_objects, max_size=3),
    about=json_objects,
    task=names,
)
def test_runs_round_trip(
    shared: Store,
    manifest: dict[str, Any],
    choice: dict[str, Any],
    rows: list[dict[str, Any]],
    about: dict[str, Any],
    task: str,
) -> None:
    before = datetime.now(UTC)
    run = shared.begin_run(manifest)
    begun = shared.runs()[-1]
    assert (begun.id, begun.manifest, begun.choice, begun.chosen) == (run, manifest, None, None)
    assert (begun.finished, begun.rows) == (None, 0)
    assert shared.rows(run) == []
    assert shared.about(run) == {}
    shared.record_choice(run, choice)
    read = shared.reads().get(task, 0)
    shared.record_reads(run, [task], 7)
    assert shared.reads()[task] == read + 1
    shared.put_rows(run, [{"old": 1}] * 5, {"old": True})
    shared.put_rows(run, rows, about)
    assert shared.rows(run) == rows
    assert [list(row) for row in shared.rows(run)] == [list(row) for row in rows]
    assert shared.about(run) == about
    ended = shared.runs()[-1]
    assert (ended.id, ended.choice, ended.rows) == (run, choice, len(rows))
    assert ended.chosen is not None
    assert ended.finished is not None
    assert before <= ended.started <= ended.chosen <= ended.finished <= datetime.now(UTC)


def test_undefined_result_round_trips_with_its_reason(store: Store) -> None:
    store.put_results({"k": Result("undefined", "2 pairs, at least 3 needed", None, None, 0.0, {})})
    found = store.get_results(["k"])["k"]
    assert (found.status, found.score, found.reason) == ("undefined", None, "2 pairs, at least 3 needed")


def test_thousands_of_results_in_the_order_asked(store: Store) -> None:
    values = np.arange(3, dtype=np.float32)
    store.put_results({f"{i}": result(float(i), values + np.float32(i)) for i in range(3000)})
    asked = [f"{i}" for i in reversed(range(5000))]
    found = store.get_results([*asked, "7"])
    assert list(found) == asked[2000:]
    for i in (0, 499, 500, 2999):
        assert found[f"{i}"].score == i
        np.testing.assert_array_equal(found[f"{i}"].values, [i, i + 1, i + 2])
    assert store.get_results([]) == {}


def test_the_first_put_stays(store: Store) -> None:
    zeros, ones = np.zeros(2, np.float32), np.ones(2, np.float32)
    store.put_scores("k", zeros, {"n": 1})
    store.put_scores("k", ones, {"n": 2})
    np.testing.assert_array_equal(store.get_scores("k"), zeros)
    assert store.scores_about(["k"]).get("k") == {"n": 1}
    store.put_mask("k", StoredMask("first", {"head": np.array([True])}, {}))
    store.put_mask("k", StoredMask("second", {"head": np.array([False])}, {}))
    mask = store.get_mask("k")
    assert mask is not None
    assert (mask.hash, mask.units["head"].tolist()) == ("first", [True])
    store.put_results({"k": result(1.0)})
    store.put_results({"k": result(2.0), "new": result(3.0)})
    assert [r.score for r in store.get_results(["k", "new"]).values()] == [1.0, 3.0]


def test_of_measurements_the_last_stays(store: Store) -> None:
    store.put_costs({"a": {"latency": 1.0}, "b": {"latency": 2.0}})
    store.put_costs({"a": {"latency": 3.0}})
    assert store.get_costs(["b", "a", "c"]) == {"b": {"latency": 2.0}, "a": {"latency": 3.0}}


def test_all_is_there_after_opening_again_under_a_link_and_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Store("ablate.db") as store:
        monkeypatch.chdir("/")
        store.put_scores("k", np.ones(2, np.float32), {})
        run = store.begin_run({"command": "ablate run"})
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "link.db").symlink_to(tmp_path / "ablate.db")
    with Store(f"sqlite:///{tmp_path / 'x' / 'link.db'}", create=False) as store:
        np.testing.assert_array_equal(store.get_scores("k"), [1, 1])
        assert [info.id for info in store.runs()] == [run]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ablate.db", "ablate.db.files", "x"]


def test_runs_are_listed_newest_last(store: Store) -> None:
    ids = [store.begin_run({"n": n}) for n in range(5)]
    assert len(set(ids)) == 5
    assert [info.id for info in store.runs()] == ids


def test_a_second_different_choice_is_refused(store: Store) -> None:
    run = store.begin_run({})
    store.record_choice(run, {"cell": "a", "of": (1, 2)})
    store.record_choice(run, {"of": [1, 2], "cell": "a"})
    with pytest.raises(StoreError, match=f"run {run} has recorded a different choice"):
        store.record_choice(run, {"cell": "b"})
    assert store.runs()[-1].choice == {"cell": "a", "of": [1, 2]}


def test_reads_add_up_over_runs_and_openings(url: str) -> None:
    for _ in range(2):
        with Store(url) as store:
            run = store.begin_run({})
            store.record_reads(run, ["stsb", "sts12"], 3)
            store.record_reads(run, ["stsb"], 1)
            store.record_reads(run, [], 1)
    with Store(url) as store:
        assert store.reads() == {"sts12": 2, "stsb": 4}


def test_an_unknown_run_is_named_with_the_nearest(store: Store) -> None:
    run = store.begin_run({})
    typo = f"{run[:-1]}z"
    for ask in (
        lambda: store.rows(typo),
        lambda: store.about(typo),
        lambda: store.put_rows(typo, [], {}),
        lambda: store.record_choice(typo, {}),
        lambda: store.record_reads(typo, ["stsb"], 1),
    ):
        with pytest.raises(StoreError, match=rf"no run '{typo}' in the store; did you mean '{run}'\?"):
            ask()
    assert store.reads() == {}


def test_rows_that_fail_leave_those_of_before(store: Store) -> None:
    run = store.begin_run({})
    store.put_rows(run, [{"n": 1}], {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        store.put_rows(run, [{"n": 2}, {"n": float("nan")}], {})
    assert (store.rows(run), store.about(run)) == ([{"n": 1}], {"a": 1})


@pytest.mark.parametrize("key", ["a\0b", "\ud800"])
def test_keys_that_no_database_can_hold_are_refused(store: Store, key: str) -> None:
    for ask in (
        lambda: store.put_scores(key, np.ones(1, np.float32), {}),
        lambda: store.get_scores(key),
        lambda: store.mask_about(key),
        lambda: store.put_mask(key, StoredMask("h", {}, {})),
        lambda: store.put_results({"fine": result(), key: result()}),
        lambda: store.get_results([key]),
        lambda: store.rows(key),
        lambda: store.record_reads(store.begin_run({}), [key], 1),
    ):
        with pytest.raises(StoreError, match="cannot be stored: remove NUL and lone surrogates from it"):
            ask()
    assert store.get_results(["fine"]) == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": float("nan")}, "nan is not a score"),
        ({"score": float("inf")}, "inf is not a score"),
        ({"score": None}, "if and only if it is 'ok'"),
        ({"status": "undefined", "reason": "few pairs"}, "if and only if it is 'ok'"),
        ({"status": "undefined", "score": None}, "needs a reason"),
        ({"status": "failed"}, "'ok' or 'undefined', not 'failed'"),
        ({"seconds": float("nan")}, "not a duration"),
        ({"values": np.zeros(2, np.float64)}, "must be float32"),
        ({"values": np.zeros((2, 2), np.float32)}, "must be float32 with one axis"),
    ],
)
def test_a_result_that_means_nothing_cannot_be_made(change: dict[str, Any], message: str) -> None:
    fields: dict[str, Any] = {
        "status": "ok",
        "reason": None,
        "score": 1.0,
        "values": None,
        "seconds": 0.0,
        "about": {},
    }
    with pytest.raises(ValueError, match=message):
        Result(**{**fields, **change})


def test_arrays_of_the_wrong_kind_are_refused(store: Store) -> None:
    wrong: Any = np.zeros(2, np.float64)
    with pytest.raises(ValueError, match="scores must be float32"):
        store.put_scores("k", wrong, {})
    with pytest.raises(ValueError, match="contribution is NaN"):
        store.put_scores("k", np.array([np.nan], np.float32), {})
    with pytest.raises(ValueError, match="mask of 'head' must be bool"):
        store.put_mask("k", StoredMask("h", {"head": wrong}, {}))
    with pytest.raises(ValueError, match="JSON"):
        store.put_scores("k", np.ones(1, np.float32), {"seconds": float("nan")})
    assert store.get_scores("k") is None
    assert store.get_mask("k") is None


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE ablate_meta (application TEXT, version INTEGER)")
        other.execute("INSERT INTO ablate_meta VALUES ('ablate', 1)")
    other.close()


def newer(path: Path) -> None:
    Store(path).close()
    with sqlite3.connect(path) as other:
        other.execute("UPDATE ablate_meta SET version = 2")
    other.close()


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"not a database\n" * 50), "is not a SQLite database"),
        (lambda path: path.write_bytes(b"x"), "is not a SQLite database"),
        (lambda path: path.write_bytes(b"SQLite format 3\0"), "is not a SQLite database"),
        (foreign, "is the database of another program"),
        (newer, r"was made by a newer ablate \(schema 2, this one supports 1\): update ablate"),
        (lambda path: os.mkfifo(path), "is not a regular file"),
        (lambda path: path.mkdir(), r"is a folder: name a file in it, such as .*ablate\.db/ablate\.db"),
    ],
)
def test_what_is_not_ours_is_refused_and_left_as_it_is(tmp_path: Path, make: Any, message: str, create: bool) -> None:
    path = tmp_path / "ablate.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=message) as caught:
        Store(path, create=create)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    path = tmp_path / "ablate.db"
    with pytest.raises(StoreError, match=r"there is no store at .* yet: make one with `ablate run`"):
        Store(path, create=False)
    assert list(tmp_path.iterdir()) == []
    path.touch()
    with pytest.raises(StoreError, match="there is no store"):
        Store(path, create=False)
    Store(path).close()
    Store(path, create=False).close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "is not a file name"),
        (":memory:", "is not a file name"),
        ("sqlite://", "is not a file name"),
        ("a\0b", "is not a file name"),
        ("sqlite:///x.db?mode=ro", "by its path alone"),
        ("sqlite+aiosqlite:///x.db", "by its path alone"),
        ("://secret@host", "the URL of the store cannot be read"),
        ("mysql://u:secret@host/db", r"mysql://u:\*\*\*@host/db: a store is a SQLite file or a PostgreSQL database"),
        ("postgresql+psycopg2://u:secret@host/db", r"u:\*\*\*@host/db: ablate uses psycopg 3: .* without \+psycopg2"),
        ("absent/folder/x.db", "there is no folder .*absent/folder: make it"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_url_that_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match=message) as caught:
        Store(url)
    assert "another store" in str(caught.value) or "store='" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


UNPRIVILEGED = """
import os, sys
from ablate.errors import StoreError
from ablate.store.store import Store
Store(sys.argv[4]).close()  # loads what is loaded late, while it may
if os.geteuid() == 0:
    os.setgid(65534); os.setuid(65534)
for path, create in ((sys.argv[1], True), (sys.argv[1], False), (sys.argv[2], True), (sys.argv[3], False)):
    try:
        with Store(path, create=create) as store:
            print('rows', store.rows(store.runs()[0].id))
    except StoreError as error:
        print(error)
"""


def test_rights_that_are_lacking(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, new, unreadable = (folder / file for file in ("ablate.db", "new.db", "unreadable.db"))
        with Store(path) as store:
            store.put_rows(store.begin_run({}), [{"n": 1}], {})
        Store(unreadable).close()
        unreadable.chmod(0)
        path.chmod(0o444)
        folder.chmod(0o555)
        command = [
            sys.executable,
            "-c",
            UNPRIVILEGED,
            *map(str, (path, new, unreadable, tmp_path / "own.db")),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        folder.chmod(0o755)
    assert done.stdout.splitlines() == [
        f"the store {path} cannot be written: give another store",
        "rows [{'n': 1}]",
        f"the store {new}: the folder {folder} cannot be written: give another store",
        f"the store {unreadable} cannot be read: give another store",
    ]


def test_settings_that_durability_rests_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def journal() -> str:
        connection = sqlite3.connect(tmp_path / "ablate.db")
        mode: str = connection.execute("PRAGMA journal_mode").fetchone()[0]
        connection.close()
        return mode

    for version, mode in (((3, 51, 2), "delete"), ((3, 51, 3), "wal"), ((3, 40, 1), "delete")):
        monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
        with Store(tmp_path / "ablate.db") as store:
            store.begin_run({"mode": mode})
            with store._database.reading() as connection:
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert journal() == mode
    with Store(tmp_path / "ablate.db", create=False) as store:
        assert [info.manifest["mode"] for info in store.runs()] == ["delete", "wal", "delete"]


def test_array_files_are_named_for_their_content_and_shared(tmp_path: Path) -> None:
    with Store(tmp_path / "ablate.db") as store:
        for key in ("a", "b"):
            store.put_scores(key, np.ones(3, np.float32), {"key": key})
    [file] = (tmp_path / "ablate.db.files").iterdir()
    assert file.name == f"{hashlib.sha256(file.read_bytes()).hexdigest()}.safetensors"


def test_importing_the_store_does_not_import_torch() -> None:
    code = "import sys, ablate.store.store; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
