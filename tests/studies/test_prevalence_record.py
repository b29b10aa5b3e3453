"""A record of ``ablate prevalence`` that an older ablate stored.

prevalence_record_4fe2b27.json is what the commit of that name stored for a tiny model: its share is that of a normal
prior, and it has no bounds.
"""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ablate.cli import app
from ablate.errors import AblateError, StoreError
from ablate.store.store import Store
from ablate.studies.prevalence import prevalence
from ablate.studies.prevalence_record import PrevalenceRecord
from ablate.studies.records import from_dict
from tests.bench import Bench, make_bench

OLD = Path(__file__).with_name("prevalence_record_4fe2b27.json")


@pytest.fixture(name="bench")
def own_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def aged(bench: Bench) -> str:
    """A run and a prevalence study in the store, whose record is the old one. Returns the id of the study."""
    bench.run()
    with Store(bench.store) as store:
        record = prevalence(bench.job(), store)
        old = json.loads(OLD.read_text().replace("MODEL", str(bench.model)))
        assert record.prevalence[0].units == old["prevalence"][0]["units"]
        about = store.about(record.run)
        assert old.keys() <= about.keys()
        store.put_rows(record.run, [], about | old)
    return record.run


def reported(bench: Bench) -> str:
    page = bench.root / "report.html"
    done = CliRunner().invoke(app, ["report", "--store", str(bench.store), "-o", str(page)])
    assert done.exit_code == 0, done.output
    return " ".join(html.unescape(page.read_text()).split())


def test_an_old_record_is_refused_in_one_line_and_never_misread(bench: Bench) -> None:
    run = aged(bench)
    with Store(bench.store) as store, pytest.raises(StoreError) as refused:
        from_dict(PrevalenceRecord, store.about(run))
    line = str(refused.value)
    assert line.startswith(f"run {run}: the record of `ablate prevalence` cannot be read (prevalence.0.")
    assert line.endswith("; run `ablate prevalence` again")
    assert "\n" not in line


def test_the_report_is_made_without_it_and_says_so_in_one_line(bench: Bench) -> None:
    run = aged(bench)
    page = reported(bench)
    assert page.count(f"run {run}: the record of `ablate prevalence` cannot be read (prevalence.0.") == 1
    assert "How many units hurt?" not in page
    assert "head × magnitude 25 %" in page


def test_the_command_makes_the_record_anew_from_the_stored_results(bench: Bench) -> None:
    aged(bench)
    bench.clear()
    with Store(bench.store) as store:
        prevalence(bench.job(), store)
    assert bench.encodes == 0
    page = reported(bench)
    assert "cannot be read" not in page
    assert "How many units hurt?" in page


def test_show_refuses_the_study_and_shows_the_run_beside_it(bench: Bench) -> None:
    run = aged(bench)
    refused = CliRunner().invoke(app, ["show", run, "--store", str(bench.store)])
    assert isinstance(refused.exception, AblateError)
    assert str(refused.exception).endswith(
        f"run {run} is a study, which has no rows; give its `ablate prevalence` command again, which reads its results"
        " from the store, or `ablate report`"
    )
    shown = CliRunner().invoke(app, ["show", "--store", str(bench.store)])
    assert shown.exit_code == 0, shown.output
    assert "head × magnitude 25 %" in shown.stdout
