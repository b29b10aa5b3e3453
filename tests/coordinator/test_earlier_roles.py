"""Items that chose in one run and report in another are told, across files and formats, in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ablate.report.results import Results
from tests.bench import Bench, Pair, make_bench, pairs


def written(bench: Bench, name: str, rows: list[Pair]) -> str:
    path = bench.root / name
    if path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps({"text1": b.upper(), "text2": a, "score": g}) for a, b, g in rows))
    else:
        path.write_text("sentence1,sentence2,score\n" + "".join(f"{a},{b},{g}\n" for a, b, g in rows))
    return str(path)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def ran(bench: Bench, dev: str | None = None, test: str | None = None, store: Path | None = None) -> Results:
    tasks: dict[str, Any] = {}
    given: dict[str, Any] = {"controls": {"matched": 0}, "statistics": {"resamples": 100}}
    if dev:
        tasks["mine"], given["screen"] = {"kind": "sts", "file": dev}, ["mine"]
    if test:
        tasks["held"], given["confirm"] = {"kind": "sts", "file": test, "split": "test"}, ["held"]
    bench.events.clear()
    return bench.run(store=store, tasks=tasks, **given)


def test_what_an_earlier_run_reported_does_not_choose_unsaid(bench: Bench) -> None:
    one, two = pairs(7, 30), pairs(8, 30)
    a, b = written(bench, "a.csv", one), written(bench, "b.csv", two)
    first = ran(bench, a, b)
    assert first.about.earlier_roles is None
    # The same again, as after an interruption: each has the role that it had.
    assert ran(bench, a, b).about.earlier_roles is None
    # Another format, a part of the rows, the texts exchanged and in capitals: 12 of its items were in b.csv.
    mixed = written(bench, "c.jsonl", [*two[:12], *pairs(9, 20)])
    second = ran(bench, mixed)
    (line,) = second.about.earlier_roles or ()
    run = ran(bench, a, b).about.run
    assert line.startswith("12 items of 'mine' choose here, and run ")
    assert line.endswith(" ('held') and 1 other run reported on them")
    assert line in second.to_markdown().replace("\\", "")
    # The reverse: items of a.csv, on which three runs chose.
    third = ran(bench, None, written(bench, "d.csv", [*one[:5], *pairs(10, 20)]))
    (line,) = third.about.earlier_roles or ()
    assert line == f"5 items of 'held' report here, and run {run} ('mine') and 2 other runs chose on them"
    assert line in [event.text for event in bench.events]
    # Of another store, nothing is known.
    assert ran(bench, mixed, store=bench.root / "other.db").about.earlier_roles is None


def test_standard_sets_count_too(bench: Bench) -> None:
    bench.run(confirm=["stsb"], controls={"matched": 0}, statistics={"resamples": 100})
    # The pairs of stsb, as make_bench writes them.
    line = (ran(bench, written(bench, "a.csv", pairs(0, 40))).about.earlier_roles or ("",))[0]
    assert line.startswith("40 items of 'mine' choose here, and run ")
    assert line.endswith("('stsb') reported on them")


def test_runs_without_own_files_say_nothing(bench: Bench) -> None:
    first = bench.run(confirm=["sickr"], controls={"matched": 0}, statistics={"resamples": 100})
    second = bench.run(screen=["sickr-dev"], confirm=["stsb-dev"], controls={"matched": 0})
    assert (first.about.earlier_roles, second.about.earlier_roles) == (None, None)
    assert "earlier_roles" not in first.about.to_dict()
