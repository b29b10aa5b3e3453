"""Racing from end to end: every figure of a stopped row against the run without racing, counts, and interruption."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.stats import false_discovery_control, spearmanr

from ablate.coordinator.dry_run import preview
from ablate.coordinator.race_bounds import bounds
from ablate.data.items import ItemSet
from ablate.doctor.store import store as check_store
from ablate.engine.evaluator import Evaluator
from ablate.errors import AblateError, RecipeError
from ablate.judge.difference import differences
from ablate.judge.effects import stages
from ablate.plugins import Entry, registry
from ablate.record import Row, RunRecord
from ablate.report.layout import build
from ablate.report.results import Results
from ablate.statistics.race import SHARES, allotted
from ablate.store.store import Store
from ablate.tasks.parts import part_of
from ablate.tasks.sts import Sts
from ablate.testing.tiny import tiny_model
from tests.bench import Bench, essence, known, make_bench, of, one, pairs, write_set
from tests.executors.parallel import Spawned

# At such a level cells of a random model differ soon enough.
GRID: dict[str, Any] = {
    "scorers": ["magnitude", "align"],
    "granularities": ["unstructured"],
    "sparsities": [0.05, 0.5, 0.9, 0.99],
    "screen": ["stsb-dev", "sickr-dev"],
    "statistics": {"level": 0.45, "resamples": 200},
    "evaluate": {"racing": True},
}
WHOLE = GRID | {"evaluate": {}}


class Centered(Sts):
    """Its values depend on all items, and it does not say that they do not."""

    name: ClassVar[str] = "centered"
    split: ClassVar[str] = "dev"
    help: ClassVar[str] = "for tests"
    per_item: ClassVar[bool] = False

    def load(self, source: Any) -> ItemSet:
        data: ItemSet = source.load("sickr-dev")
        return data


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(
        registry(),
        "entries",
        [*registry().entries, Entry("executor", Spawned, "stranger 1.0"), Entry("task", Centered, "stranger 1.0")],
    )
    made = make_bench(tmp_path, monkeypatch)
    write_set(made.data, "stsb-dev", pairs(1, 240))
    write_set(made.data, "sickr-dev", pairs(4, 200, 1.0))
    return made


class Counter:
    """Counts the sentences that cells are evaluated on, which is what racing spares."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.sentences = 0
        embed = Evaluator.embed

        def counted(evaluator: Evaluator, *given: Any, **options: Any) -> Any:
            made = embed(evaluator, *given, **options)
            self.sentences += len(made.texts)
            return made

        patch.setattr(Evaluator, "embed", counted)


def values_of(path: Path, results: Results) -> dict[str, Any]:
    """The values of each result that a row names."""
    with Store(path) as store:
        stored = store.get_results({row.result for row in results.rows if row.result})
    return {key: result.values for key, result in stored.items()}


def mean_delta(results: Results, cell: str) -> float:
    return float(np.mean([known(row.delta_clean) for row in of(results, cell=cell)]))


def stopped(results: Results) -> list[Row]:
    return of(results, status="stopped")


def test_rows_of_stopped_cells_are_of_the_items_that_they_saw_and_the_others_are_as_without_racing(
    bench: Bench,
) -> None:
    raced = bench.run(**GRID)
    whole = bench.run(bench.root / "whole.db", **WHOLE)
    assert [(row.cell, row.task) for row in raced.rows] == [(row.cell, row.task) for row in whole.rows]
    assert stopped(raced)
    values, raced_values = values_of(bench.root / "whole.db", whole), values_of(bench.store, raced)
    data = {task.name: task.load(bench.job(**GRID).chosen.source) for task in bench.job(**GRID).choosing}
    shares = dict(zip(data, zip(*allotted([len(items) for items in data.values()]), strict=True), strict=True))
    looks = {name: part_of(items, shares[name], 0) for name, items in data.items()}
    for row, other in zip(raced.rows, whole.rows, strict=True):
        assert (row.key, row.units_removed) == (other.key, other.units_removed)
        ours, theirs = raced_values[str(row.result)], values[str(other.result)]
        if row.status == "ok":
            # Not the score: a pair of equal sentences has a cosine of 1 up to rounding, which decides its rank.
            assert np.allclose(ours, theirs, atol=1e-6, rtol=0)
            assert (row.result, row.n) == (other.result, other.n)
            continue
        assert (row.status, row.verdict, row.low, row.chosen) == ("stopped", None, None, False)
        assert row.result not in {one.result for one in whole.rows}
        # The items of the first looks, and no others, and the dense model on the same ones.
        number = min(k for k in range(len(SHARES)) if int((looks[row.task] <= k).sum()) == row.n)
        seen = looks[row.task] <= number
        gold = data[row.task].gold[seen]
        dense = values[str(one(whole, cell="dense", task=row.task).result)]
        assert np.allclose(ours, theirs[seen], atol=1e-6, rtol=0)
        assert known(row.score) == pytest.approx(100 * spearmanr(ours, gold).statistic)
        assert known(row.dense) == pytest.approx(100 * spearmanr(dense[seen], gold).statistic)
        assert row.delta == known(row.score) - known(row.dense)
    # The best of each contest is left.
    for scorer in GRID["scorers"]:
        left = {row.cell for row in of(raced, scorer=scorer, status="ok")}
        best = max(of(whole, scorer=scorer), key=lambda row: mean_delta(whole, row.cell))
        assert best.cell in left


def test_stopped_cells_enter_no_family_of_tests(bench: Bench) -> None:
    raced = bench.run(**GRID)
    (stage,) = stages(raced)
    assert {group.row.cell for group in stage.stopped} == {row.cell for row in stopped(raced)}
    assert not {group.id for group in stage.stopped} & {item.group for item in raced.evidence}
    # The family is as large as it was before cells stopped, with a p of 1 for each of them.
    for task in (None, *stage.splits):
        tested = [item for item in raced.evidence if item.against == "dense" and item.task == task]
        ps = [known(item.p_different) if item.delta > 0 else 1.0 for item in tested] + [1.0] * len(stage.stopped)
        corrected = false_discovery_control(ps)[: len(tested)]
        assert [item.q_better for item in tested] == pytest.approx(corrected.tolist())


def test_a_confirmed_cell_is_chosen_though_all_its_rivals_have_stopped(bench: Bench) -> None:
    raced = bench.run(**(GRID | {"confirm": ["stsb"], "controls": {"matched": 0}}))
    # As if all others had stopped.
    rows = [row for row in raced.rows if row.chosen or row.status == "stopped" or row.cell == "dense"]
    assert stopped(raced)
    text = Results.of(RunRecord(rows, raced.about)).to_markdown()
    assert "chosen on stsb-dev" in text
    assert "none left out by a choice" not in text


def test_the_record_counts_what_is_encoded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    raced = bench.run(**GRID)
    (racing,) = (raced.about.racing or {}).values()
    assert racing.encoded == counter.sentences
    counter.sentences = 0
    bench.run(bench.root / "whole.db", **WHOLE)
    assert racing.without == counter.sentences > racing.encoded
    assert (racing.cells, racing.whole) == (8, 8 - len({row.cell for row in stopped(raced)}))
    foot = " ".join(build(raced).foot)
    share = f"{100 * racing.encoded / racing.without:.0f}"
    assert f"racing: {racing.whole} of 8 cells were evaluated in full; {share} % of the encoding" in foot


def is_cell(event: Any) -> bool:
    return bool(event.kind == "cell" and event.part != "statistics")


def test_a_race_that_was_interrupted_goes_on_to_the_same_rows_and_encodes_nothing_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter(monkeypatch)
    uninterrupted = bench.run(bench.root / "at-once.db", **GRID)
    total, cells = counter.sentences, sum(map(is_cell, bench.events))
    for after in (1, 5, cells // 2, cells - 3):
        counter.sentences = 0
        store, left = bench.root / f"{after}.db", [after]

        def watch(event: Any, left: list[int] = left) -> None:
            left[0] -= is_cell(event)
            if left[0] < 0:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Bench, "watch", lambda _, event, watch=watch: watch(event))
            with pytest.raises(KeyboardInterrupt):
                bench.run(store, **GRID)
        resumed = bench.run(store, **GRID)
        assert essence(resumed.rows) == essence(uninterrupted.rows)
        assert counter.sentences == total
        assert resumed.about.racing == uninterrupted.about.racing
    again = bench.run(store, **GRID)
    assert again.about.counts == "9 cached, 0 computed, 0 failed"
    assert counter.sentences == total
    assert all(row.cached for row in again.rows)


@pytest.mark.slow
def test_processes_give_the_same_rows(bench: Bench) -> None:
    here = bench.run(**GRID)
    there = bench.run(bench.root / "spawned.db", **GRID, executor="spawned")
    assert essence(there.rows) == essence(here.rows)
    assert stopped(here)


def test_whole_results_in_the_store_are_used_as_they_are(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    whole = bench.run(**WHOLE)
    each = counter.sentences // 9
    counter.sentences = 0
    assert essence(bench.run(**GRID).rows) == essence(whole.rows)
    assert counter.sentences == 0
    # And the other way round: of the cells that a race left, nothing is encoded again.
    other = bench.root / "other.db"
    gone = {row.cell for row in stopped(bench.run(other, **GRID))}
    counter.sentences = 0
    bench.run(other, **WHOLE)
    assert counter.sentences == each * len(gone) > 0


def test_the_recorded_recipe_has_no_key_of_racing_unless_it_races(bench: Bench) -> None:
    assert "racing" not in json.dumps(bench.recipe(**WHOLE).model_dump(mode="json"))
    assert bench.recipe(**GRID).model_dump(mode="json")["evaluate"] == {
        "racing": True,
        "racing_margin": 0.1,
        "racing_seed": 0,
    }


def test_explicit_cells_and_cells_without_a_rival_never_stop(bench: Bench) -> None:
    step = {"granularity": "unstructured", "scorer": "magnitude"}
    given = GRID | {"cells": [[step | {"sparsity": s}] for s in GRID["sparsities"]]}
    raced = bench.run(**given)
    assert not {row.scorer for row in stopped(raced)} & {"magnitude"}
    assert not stopped(bench.run(bench.root / "one.db", **(GRID | {"sparsities": [0.9]})))


def test_seeds_stop_together(bench: Bench) -> None:
    raced = bench.run(**(GRID | {"scorers": ["random"], "seeds": [0, 1, 2]}))
    by_sparsity = {row.sparsity: set[str]() for row in of(raced, scorer="random")}
    for row in of(raced, scorer="random"):
        by_sparsity[row.sparsity].add(f"{row.status} {row.n}" if row.task == "stsb-dev" else "")
    assert all(len(statuses - {""}) == 1 for statuses in by_sparsity.values())
    assert {status for statuses in by_sparsity.values() for status in statuses} >= {"ok 240"}


def test_other_tasks_and_controls_are_of_the_cells_that_are_left(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    given = GRID | {"screen": ["stsb-dev", "sickr-dev", "geometry"], "controls": {"screened": 2}}
    raced = bench.run(**given)
    gone = {row.cell for row in stopped(raced)}
    assert gone
    for row in stopped(raced):
        if row.task in ("align-dev", "uniform-dev"):
            assert (row.n, row.score, row.dense, row.delta, row.result) == (0, None, None, None, None)
            assert row.reason == "stopped before this task"
        assert row.control is None
    keys = {row.key for row in stopped(raced)}
    assert not {row.control_of for row in raced.rows} & keys
    (racing,) = (raced.about.racing or {}).values()
    # Dense is encoded on the two kinds of tasks one after the other.
    assert racing.encoded <= counter.sentences <= racing.encoded + 2 * 240
    assert raced.about.counts == f"0 cached, {1 + 8 + 2 * (8 - len(gone))} computed, 0 failed"
    for table in (table for block in build(raced).blocks for table in block.tables):
        assert "stopped before this task" not in " ".join(table.notes)


def test_stopped_cells_are_not_chosen_and_not_confirmed(bench: Bench) -> None:
    raced = bench.run(**(GRID | {"confirm": ["stsb"], "controls": {"matched": 2}}))
    whole = bench.run(bench.root / "whole.db", **(WHOLE | {"confirm": ["stsb"], "controls": {"matched": 2}}))
    gone = {row.key for row in stopped(raced)}
    assert gone
    confirmed = {row.key for row in of(raced, stage="confirm")}
    assert not confirmed & gone
    assert {row.cell for row in of(raced, chosen=True)} == {row.cell for row in of(whole, chosen=True)}


def test_every_form_of_the_results_has_stopped_cells(bench: Bench) -> None:
    raced = bench.run(**GRID)
    row = stopped(raced)[0]
    text = raced.to_markdown()
    assert "†1" in text
    assert "stopped by racing, without a verdict" in text
    assert "stopped" in raced.to_csv()
    assert any(one["status"] == "stopped" for one in json.loads(raced.to_json()))
    assert int((raced.to_pandas().status == "stopped").sum()) == len(stopped(raced))
    summaries = {summary.cell: summary for summary in raced.summary()}
    assert (summaries[row.cell].status, summaries[row.cell].verdict) == ("stopped", None)
    again = Results.from_plain([one.to_dict() for one in raced.rows], raced.about.to_dict())
    assert (again.rows, again.about) == (raced.rows, raced.about)
    for name in (row.key, row.cell):
        with Store(bench.store) as store, pytest.raises(AblateError, match="was stopped by racing and has no whole"):
            differences(raced, store, registry(), name, "dense", bench.recipe(**GRID).statistics)
    assert [*raced.failed, *raced.undefined] == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"confirm": {"tasks": ["stsb"], "cells": "all"}}, "every cell is confirmed, so none may stop"),
        ({"screen": ["geometry"]}, "no screen task chooses cells (align-dev, uniform-dev)"),
        ({"screen": ["stsb-dev", "centered"]}, "centered cannot be measured on a part of the items"),
    ],
)
def test_a_recipe_that_cannot_be_raced_is_refused(bench: Bench, given: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as refused:
        bench.job(**(GRID | given))
    assert str(refused.value).startswith("recipe.evaluate.racing: ")
    assert message in str(refused.value)


def test_a_cell_that_fails_leaves_the_race_and_has_failed_rows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    embed = Evaluator.embed

    def failing(self: Evaluator, keep: Any, *given: Any, **options: Any) -> Any:
        if keep and sum(float((~kept).float().mean()) for kept in keep.values()) / len(keep) > 0.97:
            raise RuntimeError("no")
        return embed(self, keep, *given, **options)

    monkeypatch.setattr(Evaluator, "embed", failing)
    raced = bench.run(**GRID)
    assert {row.status for row in of(raced, sparsity=0.99)} == {"failed"}
    assert all(row.status != "failed" for row in raced.rows if row.sparsity != 0.99)


def test_doctor_finds_nothing_wrong_with_a_raced_run(bench: Bench) -> None:
    bench.run(**(GRID | {"screen": ["stsb-dev", "sickr-dev", "geometry"]}))
    sections = check_store(str(bench.store), verified=3, device="cpu")
    assert [finding for section in sections for finding in section.findings if finding.fix] == []


def test_a_dry_run_bounds_what_is_encoded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.job(**GRID)
    with Store(bench.store) as store:
        text = "\n".join(preview(job, store)._lines(preview(job, store).models[0]))
    counter = Counter(monkeypatch)
    bench.run(**GRID)
    least, most, unraced = bounds(job, job.load(job.tasks.screen), tiny_model())
    assert f"racing: {least:,} to {most:,} sentences with an empty store, {unraced:,} without racing" in text
    assert least < counter.sentences < most
