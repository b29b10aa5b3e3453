"""Whole runs on PostgreSQL: the same rows as on SQLite, from every folder, and shared by several processes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ablate
from ablate.store.store import Store
from tests.postgres_server import LOCKED, USER, Server
from tests.workplace import RECIPE, Workplace

SHARED = RECIPE.replace("[0.25]", "[0.1, 0.2, 0.3]") + "seeds: [0, 1]\ncontrols: {matched: 2}\nconfirm: [stsb]\n"

PROGRAM = """
import sys, ablate, ablate.engine.evaluate, ablate.models.load, ablate.coordinator.run
print("ready", flush=True)
sys.stdin.readline()
results = ablate.run("recipe.yaml", store=sys.argv[1])
print(results.about.computed, results.about.failed)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    (tmp_path / "work").mkdir()
    return Workplace(tmp_path / "work", monkeypatch, capsys)


def rows(store: Path | str) -> list[list[dict[str, Any]]]:
    """The rows of each run, without what differs by who computed them."""
    with Store(store, create=False) as opened:
        runs = [opened.rows(run) for run in opened.run_ids()]
    return [[{k: v for k, v in row.items() if k not in ("cached", "seconds")} for row in of_run] for of_run in runs]


def test_every_command_gives_on_a_server_what_it_gives_on_a_file_and_from_every_folder(
    place: Workplace, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url()
    recipe = RECIPE + "confirm: {tasks: [stsb], cells: all}\ncontrols: {matched: 1}\nstatistics: {resamples: 100}\n"
    before = place.files()
    assert place("doctor", "--store", url).code == 0, "a database without a store is no fault"
    planned = place.run(recipe, "--dry-run", "--store", url)
    assert planned.code == 0, planned.err
    assert server.sql("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'ablate_%'", url.rpartition("/")[2]) == [
        (0,)
    ]
    assert place.run(recipe, "--store", url).code == 0
    assert place.run(recipe).code == 0
    assert rows(url) == rows("ablate.db")
    beside = {name for name in place.files() if not name.startswith("ablate.db")}
    assert beside <= {*before, "r.yaml"}, "nothing lies in the folder in which one stands"

    there = place("show", "--store", url, "--format", "json")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    place.nothing_may_evaluate()
    shown = place("show", "--store", url, "--format", "json")
    assert shown.code == 0
    assert len(json.loads(shown.out)) == len(rows(url)[0])
    assert shown.out == there.out
    assert place("report", "--store", url, "--format", "markdown", "-o", "report.md").code == 0
    doctor = place("doctor", "--store", url)
    assert doctor.code == 0, doctor.out
    assert re.search(r"size\s.* files of arrays in the database", doctor.out)
    server.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {LOCKED}", url.rpartition("/")[2])
    monkeypatch.setenv("PGPASSWORD", "right")
    reader = url.replace(f"{USER}@", f"{LOCKED}@")
    assert [place(command, "--store", reader).code for command in ("show", "doctor")] == [0, 0]
    monkeypatch.chdir(place.folder)
    refused = place("run", "r.yaml", "--store", reader)
    assert refused.code == 2
    assert "may not be used so by this user: GRANT" in refused.err.splitlines()[-1]


@pytest.mark.slow
def test_reports_from_two_folders_are_equal_and_a_cell_is_exported(
    place: Workplace, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url()
    assert place.run(RECIPE, "--store", url).code == 0
    assert place("report", "--store", url, "-o", "one.html").code == 0
    export = place("export", rows(url)[0][-1]["key"], "--store", url, "-o", "small")
    assert export.code == 0, export.err
    monkeypatch.chdir(tmp_path)
    assert place("report", "--store", url, "-o", "two.html").code == 0
    assert Path("two.html").read_text() == (place.folder / "one.html").read_text()


def test_doctor_finds_what_is_damaged_and_lost_on_a_server_and_a_run_makes_it_again(
    place: Workplace, server: Server
) -> None:
    url = server.url()
    name = url.rpartition("/")[2]
    assert place.run(RECIPE, "--store", url).code == 0
    whole = rows(url)[0]
    server.sql(
        "UPDATE ablate_arrays SET content = substr(content, 2) WHERE digest IN (SELECT min(digest) FROM ablate_arrays)",
        name,
    )
    server.sql("DELETE FROM ablate_arrays WHERE digest IN (SELECT max(digest) FROM ablate_arrays)", name)
    server.sql(
        "UPDATE ablate_results SET similarities = '\\x00' WHERE key IN (SELECT min(key) FROM ablate_results)", name
    )
    found = place("doctor", "--store", url)
    assert found.code == 1
    text = " ".join(found.out.split())
    for what in ("of arrays in the database is cut short or altered", "of arrays in the database is missing"):
        assert what in text
    assert "do not match their checksum" in text
    assert f"`ablate doctor --drop-damaged --store {url}` deletes what is damaged" in text.replace("│", "")
    assert place("doctor", "--store", url, "--drop-damaged").code in (0, 1)
    assert place.run(RECIPE, "--store", url).code == 0
    assert place("doctor", "--store", url).code == 0
    assert rows(url)[-1] == whole
    assert place("doctor", "--store", url, "--verify", "1").code == 0


@pytest.mark.usefixtures("place")
@pytest.mark.slow
def test_two_processes_compute_each_cell_once_on_a_server(server: Server) -> None:
    Path("recipe.yaml").write_text(SHARED)
    alone = ablate.run("recipe.yaml", store="alone.db").about.computed
    url = server.url()
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", PROGRAM, url]
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], outputs
    assert not any("psycopg" in err for _, err in outputs)
    computed, failed = zip(*(map(int, out.split()) for out, _ in outputs), strict=True)
    assert (sum(computed), failed) == (alone, (0, 0))
    assert min(computed) > 0, "one process was done before the other began"
    (expected,) = rows("alone.db")
    assert rows(url) == [expected] * 2


def test_a_run_goes_on_after_the_server_was_restarted(
    place: Workplace, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Store.put_results
    restarted: list[bool] = []

    def put_after_a_restart(self: Store, results: Any) -> None:
        if not restarted:
            restarted.append(True)
            server.stop()
            server.start()
        put(self, results)

    monkeypatch.setattr(Store, "put_results", put_after_a_restart)
    url = server.url()
    ran = place.run(RECIPE, "--store", url)
    assert (ran.code, restarted) == (0, [True]), ran.err
    assert {row["status"] for row in rows(url)[0]} == {"ok"}


@pytest.mark.slow
def test_trained_cells_on_a_server_are_those_on_a_file_and_are_found_by_another_machine(
    place: Workplace, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = RECIPE.replace(", random", "").replace("{pairs: 8,", "{pairs: 16,")
    recipe += "train: {batch_size: 8, learning_rate: 0.001, evaluate_every: 2, ways: [gradual], epochs: 1}\n"
    Path("r.yaml").write_text(recipe)
    url = server.url()
    for store in (url, "ablate.db"):
        ran = place("train", "r.yaml", "--store", store)
        assert ran.code == 0, ran.err
    assert rows(url) == rows("ablate.db")
    assert len([row for row in rows(url)[0] if row["way"]]) == 2
    left = [path for path in (place.folder / "cache").rglob("*") if path.is_file()]
    assert left == [], "checkpoints and copies are removed"
    monkeypatch.setenv("ABLATE_CACHE", str(tmp_path / "another machine"))
    monkeypatch.setattr("ablate.coordinator.train.fit", lambda *_, **__: pytest.fail("a cell was trained again"))
    again = place("train", "r.yaml", "--store", url)
    assert again.code == 0, again.err
    # A result that is lost is computed from the stored weights, which are copied to a file of the machine.
    server.sql("DELETE FROM ablate_results", url.rpartition("/")[2])
    again = place("train", "r.yaml", "--store", url)
    assert again.code == 0, again.err
    assert rows(url)[0] == rows(url)[1] == rows(url)[2]
    left = [path for path in (tmp_path / "another machine").rglob("*") if path.is_file()]
    assert left == []
