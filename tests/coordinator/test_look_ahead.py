"""What a run reads from the store grows by chunks, and not by cells; what is printed again reads each record once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from ablate.cli.finished import finished
from ablate.coordinator import dry_run
from ablate.coordinator.look_ahead import AHEAD
from ablate.judge import judge as judging
from ablate.record import Row
from ablate.store import entries, schema
from ablate.store.store import Store
from tests.bench import Bench, make_bench

CELLS = {"few": 5, "many": 125}


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL statements that are executed, without those that begin and end transactions."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "COMMIT")):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        made = make_bench(tmp_path_factory.mktemp("counts"), patch)
        for name in CELLS:
            made.run(made.root / f"{name}.db", **recipe(name))
        yield made


def recipe(name: str) -> dict[str, Any]:
    """Cells of neurons, of which the tiny model has 128, so that each has a mask of its own."""
    sparsities = [round((i + 1) / 128, 4) for i in range(CELLS[name])]
    return {
        "scorers": ["align"],
        "granularities": ["neuron"],
        "sparsities": sparsities,
        "statistics": {"resamples": 100},
    }


def test_a_cached_run_reads_the_store_in_chunks(bench: Bench) -> None:
    counts = {}
    for name in CELLS:
        with statements() as found:
            results = bench.run(bench.root / f"{name}.db", **recipe(name))
        assert (results.about.computed, results.about.cached) == (0, CELLS[name] + 1)
        counts[name] = len(found)
    # Of each look-ahead one query for masks and one for results.
    chunks = {name: -(-(count + 1) // AHEAD) for name, count in CELLS.items()}
    assert counts["many"] - counts["few"] <= 2 * (chunks["many"] - chunks["few"])
    assert counts["few"] < 40


def test_a_dry_run_asks_for_each_kind_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {}
    for name in CELLS:
        with Store(bench.root / f"{name}.db", create=False) as store, statements() as found:
            (preview,) = dry_run.preview(bench.job(**recipe(name)), store).models
        assert preview.forecast.cached == set(preview.planned)
        counts[name] = len(found)
    assert counts["many"] == counts["few"] <= 4
    # With more keys than a query takes, it grows by one for each more.
    monkeypatch.setattr(entries, "_CHUNK", 50)
    with Store(bench.root / "many.db", create=False) as store, statements() as found:
        dry_run.preview(bench.job(**recipe("many")), store)
    assert len(found) == counts["many"] + 2 * (CELLS["many"] // 50)


def test_judgments_are_read_in_one_query(bench: Bench) -> None:
    with statements() as found:
        bench.run(bench.root / "many.db", **recipe("many"))
    assert len([one for one in found if schema.judgments.name in one]) == 1
    assert CELLS["many"] < judging.AT_ONCE


def test_what_is_printed_again_reads_each_record_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Row] = []
    check = Row.__post_init__

    def counted(row: Row) -> None:
        made.append(row)
        check(row)

    monkeypatch.setattr(Row, "__post_init__", counted)
    with Store(bench.root / "many.db", create=False) as store, statements() as found:
        results = finished(store, None)
    assert len(made) == len(results.rows) == CELLS["many"] + 1
    # The runs; the last run with the number of its rows, and its rows; its record.
    assert len(found) == 4, found
    assert "about" not in found[0]
