"""What a run finds of several models together, against the store's values and numpy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, spearmanr

from ablate.cli.finished import finished
from ablate.judge.effects import stages
from ablate.record import Held, ModelLine, OverModels, PooledLine, RunAbout, to_plain
from ablate.report.results import Results
from ablate.statistics.resample import CHUNK
from ablate.store.store import Store
from ablate.testing.tiny import save_tiny
from tests.bench import Bench, known, make_bench

RESAMPLES = 200
SIX = ["m0", "m1", "m2", "m3", "m4", "m5"]
FEW: dict[str, Any] = {"scorers": ["magnitude", "align"], "controls": {"matched": 0}}
"""What saves time where there are six models."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        made = make_bench(tmp_path_factory.mktemp("bench"), patch)
        patch.chdir(made.root)
        for seed, name in enumerate(SIX):
            save_tiny(made.root / name, seed=10 + seed)
        yield made


def run(bench: Bench, lineages: dict[str, str], **given: Any) -> Results:
    """A run of the models named; a model whose lineage is its own name has none in the recipe."""
    models = [{"name": name, **({} if of == name else {"lineage": of})} for name, of in lineages.items()]
    asked: dict[str, Any] = {
        "scorers": ["magnitude", "align", "random"],
        "controls": {"matched": 2},
        "confirm": ["stsb"],
    }
    asked |= {"statistics": {"resamples": RESAMPLES}, "model": models}
    return bench.run(**asked | given)


@pytest.fixture(scope="module")
def three(bench: Bench) -> Results:
    return run(bench, {"m0": "family", "m1": "family", "m2": "m2"})


def over(results: Results) -> OverModels:
    assert results.about.over_models is not None
    return results.about.over_models


def pooled(results: Results, by: str = "all", name: str = "all") -> PooledLine:
    (line,) = [line for line in over(results).pooled if (line.by, line.name) == (by, name)]
    return line


def line(results: Results, model: str, by: str = "all", name: str = "all") -> ModelLine:
    (found,) = [one for one in over(results).lines if (one.model, one.by, one.name) == (model, by, name)]
    return found


def test_the_pooled_interval_is_that_of_a_bootstrap_of_the_same_pairs_for_each_model(
    bench: Bench, three: Results
) -> None:
    found = pooled(three).pooled
    assert found is not None
    assert not found.optimistic
    with Store(bench.store, create=False) as store:
        panel = store.get_panel(three.about.panels["confirm"]["stsb"])
        assert panel is not None
        assert panel.kept.all()
        of_model: dict[str, list[Any]] = {}
        for model in ("m0", "m1", "m2"):
            cell = line(three, model).first
            rows = [r for r in three.rows if (r.model, r.stage) == (model, "confirm") and r.control is None]
            name = known_text(cell).replace(" × ", " ")
            keys = [next(r.result for r in rows if r.cell == wanted) for wanted in ("dense", name)]
            stored = store.get_results(key for key in keys if key)
            of_model[model] = [stored[key].values for key in keys if key]
    rng, n = np.random.default_rng([0, 0]), len(panel)
    # Each pair is a cluster of its own here, and clusters are numbered in this order.
    order = np.argsort(panel.cluster)
    draws = []
    for _ in range(RESAMPLES // CHUNK):
        for picks in rng.integers(n, size=(CHUNK, n)):
            items = order[picks]
            gain = {
                model: 100 * (rho(cell[items], panel.gold[items]) - rho(dense[items], panel.gold[items]))
                for model, (dense, cell) in of_model.items()
            }
            draws.append(((gain["m0"] + gain["m1"]) / 2 + gain["m2"]) / 2)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])), abs=1e-4)
    assert found.se == pytest.approx(np.std(draws, ddof=1), abs=1e-4)
    gains = [known(line(three, model).first_delta) for model in ("m0", "m1", "m2")]
    assert found.gain == pytest.approx(((gains[0] + gains[1]) / 2 + gains[2]) / 2)


def rho(values: Any, gold: Any) -> float:
    return float(spearmanr(values, gold).statistic)


def known_text(text: str | None) -> str:
    assert text is not None
    return text


def test_each_line_is_the_best_confirmed_cell(three: Results) -> None:
    for stage in stages(three):
        if stage.name != "confirm":
            continue
        own = [group for group in stage.groups if not group.is_control]
        best = max(own, key=lambda group: known(stage.effect(group).value))
        item, found = stage.evidence_on(best), line(three, stage.model)
        assert item is not None
        assert (found.group, found.cells) == (best.id, len(own))
        assert (found.delta, found.low, found.high) == (item.delta, item.low, item.high)
        assert (found.verdict, found.harmed) == (item.verdict, item.harmed)
        for group in own:
            scorer = line(three, stage.model, "scorer", known_text(group.row.scorer))
            assert (scorer.group, scorer.first_group, scorer.cells) == (group.id, group.id, 1)
    assert not any(one.name == "random" for one in over(three).lines)


def test_the_first_on_dev_is_picked_without_the_pairs_that_report(three: Results) -> None:
    for model in ("m0", "m1", "m2"):
        screen = [r for r in three.rows if (r.model, r.stage, r.seed) == (model, "screen", None) and r.scorer]
        best = max(screen, key=lambda r: known(r.delta_clean))
        assert line(three, model).first == best.cell.replace("head ", "head × ")


def test_claims_are_counted_by_model_and_by_lineage(three: Results) -> None:
    found = pooled(three)
    harmless = {model: line(three, model).harmless > 0 for model in ("m0", "m1", "m2")}
    family = [harmless["m0"], harmless["m1"]]
    assert (found.models, found.lineages) == (3, 2)
    every = int(all(family)) + int(harmless["m2"])
    some = int(any(family) and not all(family))
    assert found.harmless == Held(models=sum(harmless.values()), lineages=every, some=some)
    assert line(three, "m0").lineage == "family"
    assert line(three, "m2").lineage == "m2"


def test_fewer_than_six_lineages_have_no_p(three: Results) -> None:
    for one in over(three).pooled:
        assert one.signs is None
        assert one.untested == "a two-sided sign test of 2 cannot reach 0.05, even if all agree; it takes 6"


def test_six_lineages_have_the_p_of_scipy(bench: Bench) -> None:
    results = run(bench, {name: name for name in SIX}, **FEW)
    found = pooled(results)
    gains = [known(line(results, name).first_delta) for name in SIX]
    above = sum(gain > 0 for gain in gains)
    assert found.signs is not None
    assert (found.signs.above, found.signs.lineages) == (above, 6)
    assert found.signs.p == found.signs.q == pytest.approx(binomtest(above, 6, 0.5).pvalue)
    scorers = [one.signs for one in over(results).pooled if one.by == "scorer" and one.signs]
    assert len(scorers) == 2
    least = min(one.p for one in scorers)
    assert min(one.q for one in scorers) == pytest.approx(min(1.0, 2 * least))  # Holm over the two scorers


def test_a_model_is_not_independent_of_its_fine_tune(bench: Bench) -> None:
    results = run(bench, {name: "one" if name in ("m0", "m1") else name for name in SIX}, **FEW)
    assert (pooled(results).models, pooled(results).lineages) == (6, 5)
    assert pooled(results).signs is None


def test_where_units_are_is_counted_from_the_mask(bench: Bench, three: Results) -> None:
    for model in ("m0", "m1", "m2"):
        best = line(three, model, "granularity", "head")
        row = next(r for r in three.rows if r.model == model and r.cell == f"head {best.scorer} 25 %")
        with Store(bench.store, create=False) as store:
            (key,) = store.mask_keys(row.key)
            stored = store.get_mask(key)
        assert stored is not None
        (mask,) = stored.units.values()
        first, second = (~mask[:4]).sum(), (~mask[4:]).sum()  # two layers of four heads
        shares = (first * 2 / 3, first / 3 + second / 3, second * 2 / 3)
        assert best.depth is not None
        assert best.depth["head"] == pytest.approx(tuple(share / (first + second) for share in shares))
    depth = pooled(three, "granularity", "head").depth
    assert depth is not None
    assert sum(depth["head"]) == pytest.approx(1)


def test_nothing_is_answered_of_what_was_not_confirmed(bench: Bench) -> None:
    found = over(run(bench, {"m0": "m0", "m1": "m1"}, confirm=None))
    assert (found.stage, found.pooled) == ("screen", ())
    assert {one.model for one in found.lines} == {"m0", "m1"}


def test_a_pick_on_the_pairs_that_report_is_called_optimistic(bench: Bench) -> None:
    confirm = {"tasks": ["stsb"], "cells": "all"}
    results = run(bench, {name: name for name in SIX}, screen=[], confirm=confirm, **FEW)
    found = pooled(results)
    assert found.pooled is not None
    assert found.pooled.optimistic
    assert line(results, "m0").first is None
    assert (found.signs, found.untested) == (
        None,
        "a cell was picked on these pairs, so that its gain is above 0 more often than by chance",
    )
    alone = pooled(results, "scorer", "align")  # one cell a model: nothing was picked
    assert alone.pooled is not None
    assert not alone.pooled.optimistic
    assert alone.signs is not None


def test_a_run_of_one_model_has_nothing_over_models(bench: Bench) -> None:
    results = run(bench, {"m0": "m0"})
    assert results.about.over_models is None
    assert results.about.removed is None
    assert results.models() == []


def test_a_stored_run_has_what_the_run_had(bench: Bench, three: Results) -> None:
    with Store(bench.store, create=False) as store:
        again = finished(store, three.about.run)
    assert again.about.over_models == three.about.over_models
    assert again.to_markdown() == three.to_markdown()
    assert again.answer == three.answer
    assert RunAbout.from_dict(to_plain(three.about)) == three.about


def test_a_failed_model_is_a_line_with_its_reason(bench: Bench, tmp_path: Path) -> None:
    broken = save_tiny(tmp_path / "broken", seed=3)
    (broken / "model.safetensors").write_bytes(b"\0" * 100)
    results = run(bench, {"m0": "m0", str(broken): str(broken), "m2": "m2"})
    failed = line(results, "broken")
    assert failed.reason is not None
    assert failed.reason.startswith("failed: ")
    assert (failed.cells, failed.cell, failed.delta) == (0, None, None)
    assert pooled(results).models == 2
