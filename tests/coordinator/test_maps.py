"""Contributions by unit, and their rank correlation with exact removal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from ablate.coordinator.maps import correlation
from tests.bench import Bench, known, make_bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


EXACT = {"scorer": "oracle", "on": "align", "label": "exact"}
SIGNED = {"scorer": "align", "sign": "signed", "label": "first-order"}


def test_every_scorer_has_a_map_and_a_correlation_with_the_oracle(bench: Bench) -> None:
    results = bench.run(scorers=[EXACT, SIGNED, "magnitude", "random"], sparsities=[0.25, 0.5])
    found = {one.scorer: one for one in results.about.maps or ()}
    assert list(found) == ["exact", "first-order", "magnitude"]
    assert [one.oracle for one in found.values()] == [True, False, False]
    assert all(one.layers == (0,) * 4 + (1,) * 4 and one.granularity == "head" for one in found.values())
    by_scorer = {one.scorer: one for one in results.about.agreement or ()}
    assert list(by_scorer) == ["first-order", "magnitude"]
    for name, one in by_scorer.items():
        expected = spearmanr(found["exact"].contributions, found[name].contributions).statistic
        assert one.spearman == pytest.approx(expected)
        assert (one.oracle, one.units) == ("exact", 8)
    assert known(by_scorer["first-order"].spearman) > 0.5


def test_groups_are_compared_as_groups(bench: Bench) -> None:
    exact = EXACT | {"group": 8, "by": "align"}
    (one,) = bench.run(scorers=[exact, SIGNED], granularities=["neuron"]).about.agreement or ()
    assert one.units == 16
    assert known(one.spearman) > 0.5
    layers = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
    truth = np.array([1, 1, 2, 2, 5, 5, 1, 1, 3, 3], np.float32)
    scored = np.array([1, 2, 9, 0, 1, 1, 5, 5, 5, 6], np.float32)
    expected = spearmanr([1, 2, 5, 1, 3], [3, 9, 2, 10, 11]).statistic
    spearman, units = correlation(truth, scored, layers)
    assert spearman == pytest.approx(expected)
    assert units == 5
    assert correlation(truth, np.ones_like(scored), layers * 0)[0] is None


def test_many_units_make_no_map(bench: Bench) -> None:
    results = bench.run(granularities=["unstructured"])
    assert (results.about.maps, results.about.agreement) == ((), ())
