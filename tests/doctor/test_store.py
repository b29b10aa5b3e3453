"""Every kind of damage in a store is found, named, and mended by what doctor says."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace

import pytest

from ablate.doctor.damage import SHOWN
from ablate.doctor.finding import fixes
from ablate.errors import StoreError
from ablate.report.results import Results
from ablate.store.store import Store
from tests.doctor.stored import Stored, signed, swap, swap_files, zero_files

FIRST = "key = (SELECT min(key) FROM ablate_{0})"


def change(table: str, what: str) -> Callable[[Stored], None]:
    """Damages the first entry of a table."""
    return lambda stored: stored.sql(f"UPDATE ablate_{table} SET {what} WHERE {FIRST.format(table)}")


def on_rows(*statements: str) -> Callable[[Stored], None]:
    return lambda stored: stored.sql(*statements)


def malformed(table: str, body: str) -> Callable[[Stored], None]:
    """An entry with the right checksum that is no entry."""

    def damage(stored: Stored) -> None:
        connection = sqlite3.connect(stored.path)
        ((key,),) = connection.execute(f"SELECT min(key) FROM ablate_{table}")
        with connection:
            connection.execute(f"UPDATE ablate_{table} SET entry = ? WHERE key = ?", (signed(key, body), key))
        connection.close()

    return damage


def cut(stored: Stored) -> None:
    stored.files[0].write_bytes(stored.files[0].read_bytes()[:-1])


def substitute(stored: Stored) -> None:
    stored.files[0].write_bytes(stored.files[1].read_bytes())


CHECKSUM = "what is stored under it does not match its checksum"
VALUES = "the values under it do not match their checksum"
DAMAGES: dict[str, tuple[Callable[[Stored], object], list[str], str]] = {
    "zeroed values": (change("results", "similarities = zeroblob(length(similarities))"), ["result"], VALUES),
    "cut values": (change("results", "similarities = substr(similarities, 1, 40)"), ["result"], VALUES),
    "no values": (change("results", "similarities = NULL"), ["result"], VALUES),
    "swapped values": (on_rows(*swap("ablate_results", "similarities")), ["result"] * 2, VALUES),
    "swapped results": (on_rows(*swap("ablate_results", "entry", "similarities")), ["result"] * 2, CHECKSUM),
    "broken result": (change("results", "entry = '{\"sha256\": '"), ["result"], CHECKSUM),
    "another score": (change("results", "entry = replace(entry, '\"score\": ', '\"score\": 1')"), ["result"], CHECKSUM),
    "no JSON": (malformed("results", "{"), ["result"], "what is stored under it is not JSON"),
    "no result": (malformed("results", '{"status": "ok"}'), ["result"], "what is stored under it is not a result"),
    "swapped masks": (on_rows(*swap("ablate_masks", "entry")), ["mask"] * 2, CHECKSUM),
    "zeroed mask": (change("masks", "entry = zeroblob(20)"), ["mask"], CHECKSUM),
    "no mask": (malformed("masks", '{"hash": "a", "file": "b"}'), ["mask"], "has no 'units' of type list"),
    "zeroed contributions": (change("scores", "entry = zeroblob(20)"), ["contributions"], CHECKSUM),
    "swapped panels": (on_rows(*swap("ablate_panels", "entry")), ["panel"] * 2, CHECKSUM),
    "broken judgment": (change("judgments", "entry = '{x'"), ["judgment"], CHECKSUM),
    "no judgment": (malformed("judgments", '[{"model": 1}]'), ["judgment"], "what is stored under it is no judgment"),
    "swapped files": (swap_files, [], "is cut short or altered"),
    "another file": (substitute, [], "is cut short or altered"),
    "cut file": (cut, [], "is cut short or altered"),
    "lost file": (lambda stored: stored.files[0].unlink(), [], "is missing"),
    "broken row": (
        on_rows("UPDATE ablate_rows SET entry = '{x' WHERE position = 2"),
        ["rows of run"],
        "a row does not match",
    ),
    "swapped rows": (
        on_rows(
            "CREATE TEMP TABLE two AS SELECT * FROM ablate_rows WHERE position < 2",
            "UPDATE ablate_rows SET entry = (SELECT entry FROM two WHERE two.position != ablate_rows.position) "
            "WHERE position < 2",
        ),
        ["rows of run"],
        "a row does not match its checksum (2 times)",
    ),
    "lost row": (on_rows("DELETE FROM ablate_rows WHERE position = 2"), ["rows of run"], "a row is lost"),
    "lost last row": (
        on_rows("DELETE FROM ablate_rows WHERE position = (SELECT max(position) FROM ablate_rows)"),
        ["rows of run"],
        "the record counts 7 cells, and the 6 rows are those of 6",
    ),
    "no record": (on_rows("UPDATE ablate_runs SET about = manifest"), ["rows of run"], "is not the record of the run"),
    "broken record": (on_rows("UPDATE ablate_runs SET about = '{x'"), ["rows of run"], CHECKSUM),
    "broken manifest": (on_rows("UPDATE ablate_runs SET manifest = '{x'"), ["run"], CHECKSUM),
    "another choice": (on_rows("UPDATE ablate_runs SET choice = manifest"), ["run"], "another part of its record"),
    "another time": (on_rows("UPDATE ablate_runs SET started = 0"), ["run"], "did not start at the time of its id"),
    "broken read": (on_rows("UPDATE ablate_reads SET cells = 'x'"), ["read of a test set"], "is not a run, a task"),
}


def told(results: Results) -> list[object]:
    return [(row.cell, row.stage, row.task, row.score, row.delta_clean, row.verdict, row.low) for row in results.rows]


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_and_mended(original: Stored, stored: Stored, name: str) -> None:
    assert stored.damaged() == []
    damage, kinds, what = DAMAGES[name]
    damage(stored)
    before = stored.bytes()
    found = stored.damaged()
    assert stored.bytes() == before
    if kinds:
        assert [finding.what.rpartition(" ")[0] for finding in found] == kinds
    assert found
    assert all(what in finding.state for finding in found), found
    assert all("`ablate doctor --drop-damaged --store " in str(finding.fix) for finding in found)
    dropped = stored.doctor(drop_damaged=True)
    assert dropped[-1].title == "Repair"
    # What the remedy promises: the command gives the table that it gave, and the store is whole again.
    assert told(stored.run()) == told(original.shown())
    assert stored.damaged() == []


def test_a_damaged_measurement_is_named_and_dropped(stored: Stored) -> None:
    with Store(stored.path) as store:
        store.put_costs({"a" * 64: {"latency": 1.0}})
    assert stored.damaged() == []
    change("costs", "entry = '{x'")(stored)
    (found,) = stored.damaged()
    assert (found.what, found.state) == (f"measured cost {'a' * 16}", CHECKSUM)
    stored.doctor(drop_damaged=True)
    assert stored.damaged() == []


def test_what_belongs_to_the_damage_is_named(stored: Stored) -> None:
    change("masks", "entry = zeroblob(20)")(stored)
    (mask,) = stored.damaged()
    (run,) = stored.runs()
    assert f"run {run})" in mask.state
    assert "head " in mask.state
    change("results", "similarities = NULL")(stored)
    _, result = stored.damaged()
    assert " of " in result.state
    assert f"run {run})" in result.state


def test_the_command_is_for_the_store_as_it_is_called_now(stored: Stored) -> None:
    change("masks", "entry = zeroblob(20)")(stored)
    (mask,) = stored.damaged()
    assert f" --store {stored.path}` deletes what is damaged, and then `" in str(mask.fix)
    assert f" --store {stored.path}` computes it again" in str(mask.fix)
    assert str(mask.fix).count("--store") == 2


def test_a_result_of_another_size_than_its_panel(stored: Stored) -> None:
    key = stored.rewrite(lambda result: replace(result, values=result.values[:-1]))  # type: ignore[index]
    (found,) = stored.damaged()
    assert found.what == f"result {key[:16]}"
    assert found.state.startswith("has 29 values for the 30 items of stsb (stsb of ")


def test_a_score_that_does_not_follow_from_the_values(stored: Stored) -> None:
    key = stored.rewrite(lambda result: replace(result, score=result.score - 0.1))  # type: ignore[operator]
    by_what = {finding.what: finding.state for finding in stored.damaged()}
    assert "and its values give " in by_what[f"result {key[:16]}"]
    # The rows of the run have the right score, and now another one than the result.
    assert any(what.startswith("rows of run ") for what in by_what)


def test_rows_with_another_score_than_their_results(stored: Stored) -> None:
    with Store(stored.path, create=False) as opened:
        (run,) = opened.run_ids()
        rows, about = opened.rows(run), opened.about(run)
        rows[0]["score"] += 1
        opened.put_rows(run, rows, about)
    (found,) = stored.damaged()
    assert found.what == f"rows of run {run}"
    assert found.state.startswith("some have another score than their stored results")
    rows[0]["score"] -= 1
    clean = next(i for i, row in enumerate(rows) if row["n_clean"] != row["n"] or row["stage"] == "confirm")
    rows[clean]["score_clean"] += 1
    with Store(stored.path, create=False) as opened:
        opened.put_rows(run, rows, about)
    (found,) = stored.damaged()
    assert "on the clean items" in found.state


def test_what_is_lost_is_named_and_computed_again(original: Stored, stored: Stored) -> None:
    stored.sql("DELETE FROM ablate_results WHERE key = (SELECT min(key) FROM ablate_results)")
    stored.sql("DELETE FROM ablate_masks WHERE key = (SELECT min(key) FROM ablate_masks)")
    stored.sql("DELETE FROM ablate_panels WHERE key = (SELECT min(key) FROM ablate_panels)")
    found = stored.damaged()
    assert [finding.what.split()[0] for finding in found] == ["panel", "mask", "result"]
    assert all("is lost, and a run names it" in finding.state for finding in found)
    assert all("computes again what is lost" in str(finding.fix) for finding in found)
    assert told(stored.run()) == told(original.shown())
    assert stored.damaged() == []


def test_many_damaged_entries_are_counted(stored: Stored) -> None:
    with Store(stored.path) as opened:
        for i in range(SHOWN + 5):
            opened.put_results({f"{i:064x}": next(iter(opened.get_results(keys(stored)).values()))})
    stored.sql("UPDATE ablate_results SET entry = '{x'")
    found = stored.damaged()
    assert len(found) == SHOWN + 1
    assert found[-1].state == f"{len(keys(stored)) - SHOWN} more damaged: result"


def keys(stored: Stored) -> list[str]:
    connection = sqlite3.connect(stored.path)
    found = [key for (key,) in connection.execute("SELECT key FROM ablate_results")]
    connection.close()
    return found


def test_files_that_no_entry_names(stored: Stored) -> None:
    stored.sql("DELETE FROM ablate_scores")
    assert stored.damaged() == []
    zero_files(stored)
    found = stored.damaged()
    (other,) = [finding for finding in found if finding.what.startswith("file ")]
    assert "no entry names it" in other.state
    stored.doctor(drop_damaged=True)
    assert stored.files == []


def test_a_record_of_another_version_is_not_called_damaged(stored: Stored) -> None:
    with Store(stored.path, create=False) as opened:
        (run,) = opened.run_ids()
        rows, about = opened.rows(run), opened.about(run)
        opened.put_rows(run, rows, {**about, "overlap": 5})
    (found,) = stored.damaged()
    assert found.state.startswith("is whole, but not in a form that this version reads: overlap: is 5, not string")
    assert "makes a record that this version reads" in str(found.fix)
    stored.doctor(drop_damaged=True)
    with Store(stored.path, create=False) as opened:
        assert opened.rows(run) == rows
    stored.run()
    assert stored.damaged() == []


def test_a_damaged_run_does_not_keep_others_from_being_shown(stored: Stored) -> None:
    stored.run()
    stored.sql("UPDATE ablate_runs SET manifest = '{x' WHERE number = 1")
    with Store(stored.path, create=False) as opened:
        with pytest.raises(StoreError, match="`ablate doctor --store .* says how to mend the store"):
            opened.runs()
        first, second = opened.run_ids()
    (found,) = stored.damaged()
    assert found.what == f"run {first}"
    stored.doctor(drop_damaged=True)
    with Store(stored.path, create=False) as opened:
        assert [info.id for info in opened.runs()] == [second]
        # How often a test set was read stays known.
        assert opened.reads() == {"stsb": 2}


def test_a_score_that_cannot_be_computed_again_is_said(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablate.tasks.sts.Sts.version", 2)
    (section,) = stored.doctor()
    assert fixes((section,)) == []
    notes = [finding.state for finding in section.findings if finding.what == "not checked"]
    assert any("version 2 of the task is installed" in note for note in notes)
