"""Kills, full disks, damage and rivals, for real: nothing reported is lost, and nothing wrong is given."""

from __future__ import annotations

import hashlib
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from ablate.errors import StoreError
from ablate.store import place
from ablate.store.store import Result, Store, StoredMask

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
BATCH = 20
UNITS = 3000
KINDS = ("scores", "mask", "results")


def put(store: Store, kind: str, name: str, units: int = UNITS) -> None:
    """Puts something that follows from ``name`` alone, so that another process can tell if it is intact."""
    random_numbers = np.random.default_rng(list(name.encode()))
    if kind == "scores":
        store.put_scores(name, random_numbers.random(units, np.float32), {"name": name})
    elif kind == "mask":
        store.put_mask(name, StoredMask(name, {"head": random_numbers.random(units) < 0.5}, {"name": name}))
    else:
        values = random_numbers.random((BATCH, units // BATCH), np.float32)
        store.put_results({f"{name}/{i}": Result("ok", None, i, values[i], 0.5, {"name": name}) for i in range(BATCH)})


def is_there(store: Store, kind: str, name: str, units: int = UNITS) -> bool:
    """Whether it is there; fails if it is there in part or is not what :func:`put` put."""
    random_numbers = np.random.default_rng(list(name.encode()))
    if kind == "scores":
        scores = store.get_scores(name)
        if scores is not None:
            np.testing.assert_array_equal(scores, random_numbers.random(units, np.float32))
            assert store.scores_about([name]).get(name) == {"name": name}
        return scores is not None
    if kind == "mask":
        mask = store.get_mask(name)
        if mask is not None:
            assert (mask.hash, mask.about) == (name, {"name": name})
            np.testing.assert_array_equal(mask.units["head"], random_numbers.random(units) < 0.5)
        return mask is not None
    found = store.get_results(f"{name}/{i}" for i in range(BATCH))
    assert len(found) in (0, BATCH)
    for result, values, i in zip(
        found.values(), random_numbers.random((BATCH, units // BATCH), np.float32), range(BATCH), strict=False
    ):
        np.testing.assert_array_equal(result.values, values)
        assert (result.score, result.about) == (i, {"name": name})
    return bool(found)


def write(path: str, prefix: str, count: int) -> None:
    """In a child: says what it is about to do, and says each thing when it is committed."""
    print("opening", flush=True)
    with Store(path) as store:
        for i in range(count):
            for kind in KINDS:
                put(store, kind, f"{prefix}{i}")
                print(kind, f"{prefix}{i}", flush=True)


def child(call: str, *, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    code = f"from tests.faults import test_store_faults as t; t.{call}"
    command = [*before, sys.executable, "-c", code]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(count)]


def kill_and_look(path: Path, prefix: str, lines: int, delay: float) -> int:
    """Kills a writer ``delay`` seconds after its ``lines``-th line; gives how many commits it reported."""
    process = child(f"write({str(path)!r}, {prefix!r}, 10**9)")
    said = read_lines(process, lines)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    rest, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    reported = [line.split() for line in [*said, *rest.splitlines()] if line.strip() != "opening"]
    with warnings.catch_warnings(), Store(path) as store:
        warnings.simplefilter("error")
        for kind, name in reported:
            assert is_there(store, kind, name), f"{kind} {name} was reported and is lost"
        # The one under way is there as a whole or not at all, and can be put.
        following = 1 + max((int(name.removeprefix(prefix)) for _, name in reported), default=-1)
        for kind in KINDS:
            is_there(store, kind, f"{prefix}{following}")
            put(store, kind, f"{prefix}{following}")
            assert is_there(store, kind, f"{prefix}{following}")
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    return len(reported)


def test_a_kill_loses_nothing_that_was_reported(tmp_path: Path) -> None:
    moments = random.Random(1)
    reported = sum(kill_and_look(tmp_path / "ablate.db", f"{i}:", 8, moments.uniform(0, 0.1)) for i in range(3))
    assert reported >= 21


def test_a_kill_while_the_store_is_made(tmp_path: Path) -> None:
    moments = random.Random(2)
    for i in range(3):
        kill_and_look(tmp_path / f"{i}.db", "a", 1, moments.uniform(0, 0.03))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_many_kills(tmp_path: Path) -> None:
    moments = random.Random(3)
    for i in range(20):
        kill_and_look(tmp_path / "ablate.db", f"{i}:", moments.randint(2, 60), moments.uniform(0, 0.05))
        kill_and_look(tmp_path / f"{i}.db", "a", 1, moments.uniform(0, 0.06))


def until_full(store: Store, kind: str, units: int) -> tuple[int, str]:
    """Puts until the disk is full; gives how many were put and the error."""
    for i in range(10_000):
        try:
            put(store, kind, f"{kind}{i}", units)
        except StoreError as error:
            return i, str(error)
    raise AssertionError("the disk never filled")


def fill(path: str, limit: int | None, ballast: str | None) -> None:
    """In a child, on a small disk or under a limit on file size: fills the store, makes room, goes on."""
    with Store(path) as store:
        put(store, "scores", "early")
        put(store, "results", "early")
        for kind in ("results", "scores", "mask"):
            if ballast is not None:
                Path(ballast).write_bytes(b"x" * 200_000)
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            # A mask has to be larger than the limit by itself: a bit a unit.
            units = 2_000_000 if kind == "mask" else 60_000
            count, error = until_full(store, kind, units)
            print(error)
            for i in range(count):
                assert is_there(store, kind, f"{kind}{i}", units)
            assert is_there(store, "scores", "early")
            assert is_there(store, "results", "early")
            assert not is_there(store, kind, f"{kind}{count}", units)
            assert not list(Path(f"{path}.files").glob("*.tmp"))
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            if ballast is not None:
                Path(ballast).unlink()
            put(store, kind, f"{kind} after", 3000)
            assert is_there(store, kind, f"{kind} after", 3000)


def test_a_limit_on_file_size(tmp_path: Path) -> None:
    process = child(f"fill({str(tmp_path / 'ablate.db')!r}, 230_000, None)")
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    in_database, *in_files = output.splitlines()
    assert re.search("met a disk error .is it full.*: make room and give the same command again", in_database)
    assert len(in_files) == 2
    for line in in_files:
        assert re.search("the disk is full: make room and give the same command again", line)


def test_a_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    # In a namespace of its own: needs no root where user namespaces are allowed, and leaves no mount behind.
    mount = f'mount -t tmpfs -o size=1m tmpfs "{disk}" && exec "$@"'
    own = ("unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh")
    if shutil.which("unshare") is None or subprocess.run([*own, "true"], capture_output=True).returncode != 0:
        pytest.skip("no right to mount a small file system here")
    process = child(f"fill({str(disk / 'ablate.db')!r}, None, {str(disk / 'ballast')!r})", before=own)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    for line in output.splitlines():
        assert line.endswith("the disk is full: make room and give the same command again")
    assert len(output.splitlines()) == 3


def fight(path: str, who: int) -> None:
    """In a child: writes the keys that its rival writes, with other content, and keys of its own."""
    input()
    with Store(path) as store:
        for i in range(15):
            store.put_results({f"both{i}": Result("ok", None, who, None, 0.0, {})})
            store.put_scores(f"both{i}", np.full(10, who, np.float32), {"who": who})
            put(store, "mask", f"equal{i}")
            put(store, "scores", f"{who}:{i}")
            mine = store.get_results([f"both{i}"])[f"both{i}"].score
            print(i, mine)


def test_two_processes_on_one_store(tmp_path: Path) -> None:
    path = tmp_path / "ablate.db"
    command = [sys.executable, "-c", "import sys; from tests.faults import test_store_faults as t; t.fight(*{})"]
    rivals = []
    for who in (0, 1):
        code = command[2].format((str(path), who))
        rivals.append(
            subprocess.Popen(
                [*command[:2], code],
                cwd=ROOT,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
    for rival in rivals:
        assert rival.stdin is not None
        rival.stdin.write("go\n")
        rival.stdin.flush()
    outcomes = [rival.communicate() for rival in rivals]
    assert [(rival.returncode, errors) for rival, (_, errors) in zip(rivals, outcomes, strict=True)] == [
        (0, ""),
        (0, ""),
    ]
    # Both saw the same winner for every key.
    assert outcomes[0][0] == outcomes[1][0]
    assert len(outcomes[0][0].splitlines()) == 15
    with warnings.catch_warnings(), Store(path, create=False) as store:
        warnings.simplefilter("error")
        for i in range(15):
            assert is_there(store, "mask", f"equal{i}")
            assert is_there(store, "scores", f"0:{i}")
            assert is_there(store, "scores", f"1:{i}")
            winner = store.scores_about([f"both{i}"]).get(f"both{i}")
            assert winner is not None
            np.testing.assert_array_equal(store.get_scores(f"both{i}"), np.full(10, winner["who"]))


def test_a_locked_store_is_waited_for_and_then_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ablate.db"
    Store(path).close()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    monkeypatch.setattr(place, "BUSY_SECONDS", 0.1)
    with Store(path) as store:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match=r"locked .* by another process: wait, or give another store"):
            put(store, "results", "k")
        with pytest.raises(StoreError, match="locked"):
            is_there(store, "results", "k")
    monkeypatch.undo()
    assert place.BUSY_SECONDS == 30
    release = threading.Timer(0.3, other.execute, ["COMMIT"])
    release.start()
    with Store(path) as store:
        put(store, "results", "k")
        assert is_there(store, "results", "k")
    release.join()
    other.close()


def damaged_files(path: Path) -> list[Path]:
    return sorted(Path(f"{path}.files").iterdir())


@pytest.mark.parametrize("kind", ["scores", "mask"])
def test_an_altered_array_file_counts_as_absent(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ablate.db"
    with Store(path) as store:
        put(store, kind, "k", 100)
        [file] = damaged_files(path)
        whole = file.read_bytes()
        flips = [whole[:i] + bytes([whole[i] ^ 1 << i % 8]) + whole[i + 1 :] for i in range(0, len(whole), 13)]
        for content in [*flips, whole[:-1], whole[:50], b"", whole + b"x", None]:
            if content is None:
                file.unlink()
            else:
                file.write_bytes(content)
            with pytest.warns(RuntimeWarning, match=r"(missing|altered); it will be computed again"):
                assert not is_there(store, kind, "k", 100)
            assert "k" not in (store.scores_about if kind == "scores" else store.masks_about)(["k"])
            put(store, kind, "k", 100)
            assert is_there(store, kind, "k", 100)
            assert file.read_bytes() == whole


def given(store: Store, table: str) -> object:
    if table == "results":
        return list(store.get_results(["k/0", "k/1"]))
    return store.get_scores("k") if table == "scores" else store.mask_about("k")


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("scores", "entry = replace(entry, 'name', 'game')"),
        ("masks", "entry = replace(entry, 'name', 'game')"),
        ("results", "entry = replace(entry, '\"score\": 0', '\"score\": 1')"),
        ("results", "entry = replace(entry, 'name', CAST(X'6E61FF65' AS TEXT))"),
        ("results", "entry = 5"),
        ("results", "entry = CAST(entry AS BLOB)"),
        ("results", "similarities = zeroblob(length(similarities))"),
        ("results", "similarities = substr(similarities, 1, 4)"),
        ("results", "similarities = NULL"),
    ],
)
def test_an_altered_row_counts_as_absent(tmp_path: Path, table: str, change: str) -> None:
    path = tmp_path / "ablate.db"
    with Store(path) as store:
        for kind in KINDS:
            put(store, kind, "k")
        with sqlite3.connect(path) as other:
            update = f"UPDATE ablate_{table} SET {change} WHERE key IN ('k', 'k/0')"
            assert other.execute(update).rowcount == 1
        other.close()
        with pytest.warns(RuntimeWarning, match="checksum; it will be computed again"):
            left = given(store, table)
        assert left == (["k/1"] if table == "results" else None)
        for kind in KINDS:
            put(store, kind, "k")
            assert is_there(store, kind, "k")


def test_damaged_rows_of_a_run_are_not_shown(tmp_path: Path) -> None:
    with Store(tmp_path / "ablate.db") as store:
        run = store.begin_run({})
        store.put_rows(run, [{"score": 81}], {})
        with sqlite3.connect(tmp_path / "ablate.db") as other:
            other.execute("UPDATE ablate_rows SET entry = replace(entry, '81', '91')")
        other.close()
        with pytest.raises(
            StoreError, match="does not match its checksum: `ablate doctor --store .* says how to mend the store"
        ):
            store.rows(run)


@pytest.mark.parametrize("lost", ["position = 2", "position > 0", "position >= 0"])
def test_a_run_that_has_lost_rows_is_not_shown(lost: str, tmp_path: Path) -> None:
    with Store(tmp_path / "ablate.db") as store:
        run = store.begin_run({})
        store.put_rows(run, [{"score": 81}, {"score": 82}, {"score": 83}], {"command": "run"})
        assert store.about(run) == {"command": "run"}
        with sqlite3.connect(tmp_path / "ablate.db") as other:
            left = 3 - other.execute(f"DELETE FROM ablate_rows WHERE {lost}").rowcount
        other.close()
        with pytest.raises(StoreError, match=rf"^{left} of the 3 rows of run {run} are left: `ablate doctor --store "):
            store.rows(run)


def look(path: Path, kind: str) -> str:
    """What a damaged store gives: ``all``, ``less`` or ``refused``; fails if it gives anything wrong."""
    try:
        with Store(path) as store:
            if kind != "results":
                return "all" if is_there(store, kind, "k", 400) else "less"
            found = store.get_results([f"k/{i}" for i in range(BATCH)])
    except StoreError:
        return "refused"
    expected = np.random.default_rng(list(b"k")).random((BATCH, 400 // BATCH), np.float32)
    for key, result in found.items():
        i = int(key.removeprefix("k/"))
        np.testing.assert_array_equal(result.values, expected[i])
        assert (result.score, result.seconds, result.about) == (i, 0.5, {"name": "k"})
    return "all" if len(found) == BATCH else "less"


def flip_bits(tmp_path: Path, positions: int) -> set[str]:
    """Flips one bit of the database at a time and gives the outcomes seen."""
    original, flipped = tmp_path / "original.db", tmp_path / "flipped.db"
    with Store(original) as store:
        for kind in KINDS:
            put(store, kind, "k", 400)
    content = original.read_bytes()
    shutil.copytree(f"{original}.files", f"{flipped}.files")
    moments = random.Random(4)
    outcomes = set()
    for _ in range(positions):
        at, bit = moments.randrange(len(content)), moments.randrange(8)
        for kind in KINDS:
            flipped.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                outcomes.add(look(flipped, kind))
    return outcomes


def test_flipped_bits_in_the_database(tmp_path: Path) -> None:
    assert "all" in flip_bits(tmp_path, 25)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_many_flipped_bits_in_the_database(tmp_path: Path) -> None:
    assert flip_bits(tmp_path, 600) == {"all", "less", "refused"}


def test_a_database_cut_short_or_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "ablate.db"
    with Store(path) as store:
        put(store, "results", "k")
    content = path.read_bytes()
    assert content.count(b"CREATE TABLE ablate_masks") == 1
    for damage in (
        content[: len(content) // 2],
        content[:4096] + b"\xa5" * (len(content) - 4096),
        # SQLite quotes this text, which is not UTF-8, in its message.
        content.replace(b"CREATE TABLE ablate_masks", b"CREATE TABLE\xe2ablate_masks"),
    ):
        path.write_bytes(damage)
        with pytest.raises(StoreError, match="is damaged: restore it from a copy"), Store(path) as store:
            is_there(store, "results", "k")
    path.write_bytes(content)
    with Store(path) as store:
        assert is_there(store, "results", "k")


def test_temporary_files_of_a_killed_process_are_swept_after_an_hour(tmp_path: Path) -> None:
    path = tmp_path / "ablate.db"
    with Store(path) as store:
        put(store, "scores", "k")
    [kept] = damaged_files(path)
    old, young = (kept.with_name(f"{name}.tmp") for name in ("old", "young"))
    for file, age in ((old, 3700), (young, 3500), (kept, 10**6)):
        file.touch()
        os.utime(file, (time.time() - age,) * 2)
    with Store(path, create=False):
        assert old.exists()
    with Store(path):
        assert sorted(damaged_files(path)) == sorted([kept, young])


def test_a_file_where_the_folder_of_arrays_should_be(tmp_path: Path) -> None:
    (tmp_path / "ablate.db.files").write_text("mine")
    with Store(tmp_path / "ablate.db") as store:
        with pytest.raises(StoreError, match=r"File exists: .*ablate\.db\.files; fix it, or give another store"):
            put(store, "scores", "k")
        assert not is_there(store, "scores", "k")
    assert (tmp_path / "ablate.db.files").read_text() == "mine"


def test_an_array_is_on_the_disk_before_its_name_and_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order that a power cut, which no test here can cause, makes matter."""
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        kind = "folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file"
        steps.append(f"fsync {kind}")
        sync(descriptor)

    def rename(self: Path, target: Path) -> Path:
        steps.append("rename")
        assert hashlib.sha256(self.read_bytes()).hexdigest() == target.stem
        return replace(self, target)

    with Store(tmp_path / "ablate.db") as store:
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Path, "replace", rename)
        monkeypatch.setattr(store, "_insert", lambda *_: steps.append("row"))
        put(store, "scores", "k")
    # The first is for the new folder itself.
    assert steps == ["fsync folder", "fsync file", "rename", "fsync folder", "row"]
