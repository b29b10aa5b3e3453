"""A cell is compared once: the numbers of other cells do not depend on it, and are read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablate.judge import judge as judging
from ablate.judge.finding import from_json, to_json
from ablate.judge.findings import compare
from ablate.report.results import Results
from ablate.statistics.resample import Joint
from ablate.store.schema import pack, unpack
from ablate.store.store import Store
from tests.bench import Bench, make_bench


class Resampling:
    """Counts what is resampled: results, and differences of cells from dense. Dense alone is no result to count."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.results = self.cells = 0
        bootstrap, permute = Joint.bootstrap, Joint.permute

        def counted_bootstrap(joint: Joint, values: Mapping[str, Mapping[str, Any]]) -> Any:
            self.results += sum(len(by_key) - 1 for by_key in values.values())
            return bootstrap(joint, values)

        def counted_permute(joint: Joint, pairs: Mapping[str, Any]) -> Any:
            self.cells += len(pairs)
            return permute(joint, pairs)

        monkeypatch.setattr(Joint, "bootstrap", counted_bootstrap)
        monkeypatch.setattr(Joint, "permute", counted_permute)

    def since(self) -> tuple[int, int]:
        """How many results and cells since it was last asked."""
        counted, self.results, self.cells = (self.results, self.cells), 0, 0
        return counted


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def a_run(bench: Bench, sparsities: list[float], **given: Any) -> Results:
    tree: dict[str, Any] = {
        "scorers": ["magnitude", {"scorer": "magnitude", "label": "again"}, "random"],
        "granularities": ["neuron"],
        "sparsities": sparsities,
        "confirm": {"tasks": ["stsb", "sickr"], "cells": "all"},
        "controls": {"matched": 3},
        "statistics": {"resamples": 150},
    }
    return bench.run(**tree | given)


def test_one_cell_more_is_one_comparison_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablate.coordinator.speed.resampling", lambda *_: None)
    resampling = Resampling(monkeypatch)
    three = [0.1, 0.3, 0.5]
    a_run(bench, three, scorers=["magnitude"])
    assert resampling.since()[1] == 2 * 3
    # Of its one cell more, in each stage: itself on each task, and its draws where it is confirmed; on the components
    # of pairs itself again.
    more = a_run(bench, [*three, 0.7], scorers=["magnitude"])
    results, cells = resampling.since()
    assert cells == 2
    assert results == 1 + 2 * (1 + 3) + 2
    # All of it, and the corrections over all, are those of a judgment that begins anew.
    fresh = a_run(bench, [*three, 0.7], scorers=["magnitude"], store=bench.root / "fresh.db")
    assert resampling.since()[1] == 2 * 4
    assert more.evidence == fresh.evidence
    judged = {"low", "high", "verdict", "mean_verdict", "smallest_better", "smallest_improves", "q_improves"}
    for ours, theirs in zip(more.rows, fresh.rows, strict=True):
        assert {name: getattr(ours, name) for name in judged} == {name: getattr(theirs, name) for name in judged}
    assert a_run(bench, [*three, 0.7], scorers=["magnitude"]).evidence == more.evidence
    assert resampling.since() == (0, 0)


def test_cells_of_several_seeds_and_equal_cells_are_read_back_as_they_were(bench: Bench) -> None:
    first = a_run(bench, [0.2], seeds=[0, 1])
    assert {e.against for e in first.evidence} == {"dense", "matched"}
    assert a_run(bench, [0.2], seeds=[0, 1]).evidence == first.evidence


def test_cells_are_compared_alike_in_parts_and_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = a_run(bench, [0.1, 0.3, 0.5])
    monkeypatch.setattr(judging, "AT_ONCE", 2)
    assert a_run(bench, [0.1, 0.3, 0.5], store=bench.root / "parts.db").evidence == at_once.evidence


def test_an_interrupted_judgment_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "AT_ONCE", 2)
    calls: list[Any] = []

    def interrupted(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return compare(*given)

    monkeypatch.setattr(judging, "compare", interrupted)
    given: dict[str, Any] = {"scorers": ["magnitude"], "confirm": None}
    with pytest.raises(KeyboardInterrupt):
        a_run(bench, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], **given)
    # The rows are not lost, and the four cells that were compared are not compared again.
    with Store(bench.store, create=False) as store:
        assert len(store.rows(store.run_ids()[-1])) == 7
    resampling = Resampling(monkeypatch)
    assert len(a_run(bench, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], **given).evidence) == 12
    assert resampling.since()[1] == 2


def test_what_is_found_of_a_cell_keeps_every_bit(bench: Bench) -> None:
    a_run(bench, [0.2, 0.4])
    with Store(bench.store, create=False) as store:
        keys = [key for (key,) in _sql(store, "SELECT key FROM ablate_judgments")]
        found = {key: from_json(plain) for key, plain in store.get_judgments(keys).items()}
    assert any(finding.drawn for findings in found.values() for finding in findings.values())
    for key, findings in found.items():
        again = from_json(unpack(key, pack(key, to_json(findings))))
        assert again == findings
        for place, finding in findings.items():
            if finding.drawn and finding.boots:
                made, remade = finding.drawn.made, again[place].drawn
                assert remade is not None
                np.testing.assert_array_equal(made.means, remade.made.means)
                assert finding.smallest("improves", 0.05) == again[place].smallest("improves", 0.05)
            assert replace(finding, boots=None).smallest("better", 0.05) == finding.smallest("better", 0.05)


def _sql(store: Store, query: str) -> list[Any]:
    with store._database.reading() as connection:
        return list(connection.exec_driver_sql(query))
