"""Prevalence on the tiny model: exact removal against brute force, hygiene, the store, the answer in words."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from typer.testing import CliRunner

import ablate.studies.granularity_prevalence
import ablate.studies.removed
from ablate.cli import app
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.run import prepare_model_run
from ablate.data.items import pair_key
from ablate.engine.evaluator import Evaluator
from ablate.errors import AblateError, RecipeError, StoreError
from ablate.events import Event
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.models.masked import masked
from ablate.plan.job import Job
from ablate.plugins import Entry, registry
from ablate.report.html.gather import gather
from ablate.report.html.page import render_html
from ablate.report.prevalence_page import page
from ablate.report.prevalence_text import sentences
from ablate.scorers.magnitude import Magnitude
from ablate.statistics.replication import Replication
from ablate.statistics.share_above import Share
from ablate.store.store import Store
from ablate.studies.earlier import best, earlier, harmless
from ablate.studies.prevalence import confirm_tasks, prevalence
from ablate.studies.prevalence_record import (
    BestCell,
    Confirmation,
    FoundGroup,
    HarmlessSparsity,
    Hurting,
    LayerPrevalence,
    Prediction,
    PrevalenceEntry,
    PrevalenceRecord,
    Removals,
    UnitContributions,
)
from ablate.studies.records import from_dict, to_dict
from ablate.studies.removed import groups_of, remove
from ablate.tasks.loaded import Loaded
from ablate.timing import Timings
from tests.bench import Bench, known, make_bench, pairs, write_set
from tests.executors.parallel import Pickled

GROUPS = {"neuron": 8, "unstructured": 4}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


@pytest.fixture
def store(bench: Bench) -> Iterator[Store]:
    with Store(bench.store) as opened:
        yield opened


def job(bench: Bench, **given: Any) -> Job:
    study = {"prevalence": {"groups": GROUPS, "confirm": ["stsb"]}, "statistics": {"resamples": 300}}
    return bench.job(**study | given)


def prepared(bench: Bench, store: Store, made: Job) -> tuple[ModelRun, list[Loaded]]:
    model_run = prepare_model_run(made, made.recipe.model[0], store, Timings(), bench.watch)
    return model_run, made.load(made.make(["stsb-dev"]))


@pytest.mark.parametrize(("granularity", "count"), [(Head(), None), (Neuron(), 8), (Neuron(), 5), (Unstructured(), 4)])
def test_groups_part_the_units_of_each_layer_by_rank(
    bench: Bench, store: Store, granularity: Granularity, count: int | None
) -> None:
    model_run, _ = prepared(bench, store, job(bench))
    groups = groups_of(model_run, granularity, count, Magnitude())
    layers = granularity.layers(model_run.model)
    assert sorted(torch.cat(groups.units).tolist()) == list(range(len(layers)))
    assert [set(layers[units].tolist()) for units in groups.units] == [{layer} for layer in groups.layers]
    assert groups.alone == (count is None)
    if count is None:
        assert [int(units[0]) for units in groups.units] == list(range(len(layers)))
        assert groups.name(5) == "layer 1 head 1"
        return
    assert groups.layers.count(0) == groups.layers.count(1) == count
    squares = {name: model_run.model.weight(name).detach().square() for name in granularity.carriers(model_run.model)}
    norms = granularity.reduce(model_run.model, squares)
    for low, high in zip(groups.units[: count - 1], groups.units[1:count], strict=True):
        assert norms[low].max() <= norms[high].min()
    assert groups.name(count + 1) == f"layer 1 {granularity.name} group 1"


def test_too_many_units_are_refused_one_by_one(bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablate.studies.removed, "MOST", 100)
    model_run, _ = prepared(bench, store, job(bench))
    with pytest.raises(
        AblateError, match=r"128 neuron units in groups of 1 are too many .* set prevalence.groups.neuron"
    ):
        groups_of(model_run, Neuron(), None, Magnitude())
    assert len(groups_of(model_run, Neuron(), 32, Magnitude())) == 64


@pytest.mark.parametrize("granularity", [Head(), Neuron(), Unstructured()], ids=lambda g: g.name)
def test_each_removal_is_that_of_the_masked_model(bench: Bench, store: Store, granularity: Granularity) -> None:
    model_run, tasks = prepared(bench, store, job(bench))
    groups = groups_of(model_run, granularity, GROUPS.get(granularity.name), Magnitude())
    dense, removed = remove(model_run, groups, range(len(groups)), tasks, "removed")
    plain = Evaluator(model_run.model)
    assert dense["stsb-dev"].score == plain.evaluate({}, tasks)["stsb-dev"].score
    for place, units in enumerate(groups.units):
        mask = torch.ones(len(granularity.layers(model_run.model)), dtype=torch.bool)
        mask[units] = False
        expected = plain.evaluate(granularity.keep(model_run.model, mask), tasks)["stsb-dev"]
        values, theirs = removed[place]["stsb-dev"].values, expected.values
        assert values is not None
        assert theirs is not None
        assert values == pytest.approx(theirs, abs=1e-6)
        assert (values != dense["stsb-dev"].values).any()


def test_removals_share_their_results_with_cells_of_the_same_mask(bench: Bench, store: Store) -> None:
    """One head of eight by magnitude is a cell, and a removal."""
    given: dict[str, Any] = {"sparsities": [0.125]}
    prevalence(job(bench, **given), store)
    bench.clear()
    results = bench.run(**given)
    assert results.about.computed == 0
    assert not bench.encodes


def test_gains_and_their_layers_are_those_of_the_scores(bench: Bench, store: Store) -> None:
    made = job(bench, granularities=["head", "neuron"], overlap="keep")
    head, neuron = prevalence(made, store).prevalence
    model_run, tasks = prepared(bench, store, made)
    groups = groups_of(model_run, Head(), None, Magnitude())
    dense, removed = remove(model_run, groups, range(8), tasks, "again")
    gold = tasks[0].data.gold

    def rho(results: dict[str, Any], which: Any = slice(None)) -> float:
        return 100 * float(spearmanr(results["stsb-dev"].values[which], gold[which]).statistic)

    expected = [rho(removed[place]) - rho(dense) for place in range(8)]
    assert head.removed.gains == pytest.approx(expected)
    assert head.pairs == len(gold)
    assert [layer.gain for layer in head.layers] == pytest.approx([np.mean(expected[:4]), np.mean(expected[4:])])
    drawn = np.random.default_rng(0).integers(30, size=(400, 30))
    for place in range(8):
        error = np.std([rho(removed[place], one) - rho(dense, one) for one in drawn])
        assert head.removed.errors[place] == pytest.approx(error, rel=0.2)
    assert (neuron.groups, neuron.group_size, neuron.units) == (16, 8, 128)


def test_counts_are_bounded_for_the_granularity_and_its_layers_together(bench: Bench, store: Store) -> None:
    def entry(effect: float) -> PrevalenceEntry:
        study = {"groups": GROUPS, "confirm": [], "effect": effect}
        (found,) = prevalence(job(bench, prevalence=study), store).prevalence
        return found

    of_size = [entry(effect) for effect in (0.0, 0.05, 5.0, 100.0)]
    counts = []
    for effect, one in zip((0.0, 0.05, 5.0, 100.0), of_size, strict=True):
        assert (one.effect, one.unit) == (effect, "points")
        assert one.hurting is not None
        counts.append((one.hurting.at_least, one.hurting.at_most))
        layers = [layer.hurting for layer in one.layers if layer.hurting is not None]
        assert len(layers) == 2
        assert sum(layer.at_least for layer in layers) <= one.hurting.at_least <= one.hurting.at_most
        assert one.hurting.at_most <= sum(layer.at_most for layer in layers)
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == (0, 0), "no head costs 100 points"


def test_predictions_are_the_signed_contributions(bench: Bench, store: Store) -> None:
    """Against a run's own: `negative` removes exactly the units with a contribution below 0."""
    signed = [{"scorer": name, "sign": "signed"} for name in ("align", "uniform")]
    given: dict[str, Any] = {
        "scorers": signed,
        "granularities": [{"granularity": "neuron", "min_keep": 0}],
        "sparsities": ["negative"],
    }
    (entry,) = prevalence(job(bench, **given), store).prevalence
    results = bench.run(**given)
    for one in entry.predicted:
        (row,) = [row for row in results.rows if row.scorer == one.scorer]
        assert one.share == known(row.units_removed) / 128
        layers = [layer.predicted[one.scorer] for layer in entry.layers]
        assert np.mean(layers) == pytest.approx(one.share)


def test_maps_hold_the_contribution_of_each_unit_removed_alone(bench: Bench, store: Store) -> None:
    record = prevalence(job(bench, granularities=["head", "neuron"]), store)
    align, _, exact = record.maps
    assert [(one.scorer, one.granularity, one.oracle) for one in record.maps] == [
        ("align", "head", False),
        ("uniform", "head", False),
        ("oracle", "head", True),
    ]
    assert exact.contributions == tuple(-gain for gain in record.prevalence[0].removed.gains)
    assert align.layers == (0,) * 4 + (1,) * 4
    predicted = record.prevalence[0].predicted[0]
    assert predicted.share == np.mean(np.array(align.contributions) < 0)
    assert predicted.spearman == pytest.approx(spearmanr(align.contributions, exact.contributions).statistic)


def test_a_second_time_computes_nothing(bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = job(bench, granularities=["head", "neuron", "unstructured"])
    monkeypatch.setattr(ablate.studies.granularity_prevalence, "RATE", 1.0)
    first = prevalence(made, store, watch=bench.watch)
    forecast = {event.part: event.total for event in bench.events if event.kind == "forecast"}
    begun = {event.part: event.total for event in bench.events if event.kind == "begin" and event.part in forecast}
    assert forecast == begun, "each granularity, before its removals"
    assert all(event.seconds > 0 for event in bench.events if event.kind == "forecast")
    bench.clear()

    def forbidden(*_: Any) -> Any:
        raise AssertionError("computed again")

    monkeypatch.setattr(ablate.studies.removed, "removals", forbidden)
    second = prevalence(made, store, watch=bench.watch)
    assert not bench.passes
    assert not bench.encodes
    assert second.prevalence == first.prevalence
    assert from_dict(PrevalenceRecord, store.about(second.run)) == second


def test_the_found_are_recorded_before_a_test_set_is_read_and_confirmed_clean_of_dev(
    bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev = pairs(1, 30)
    write_set(bench.data, "stsb", [*pairs(0, 40), *dev[:5]])
    made = job(bench)
    monkeypatch.setattr(ablate.studies.granularity_prevalence, "RATE", 1.0)
    read: list[str] = []
    load = made.chosen.source.load

    def watched(name: str) -> Any:
        if name == "stsb":
            (run,) = store.runs()
            assert run.choice is not None
            assert store.reads() == {"stsb": 1}
        read.append(name)
        return load(name)

    monkeypatch.setattr(made.chosen.source, "load", watched)
    (entry,) = prevalence(made, store).prevalence
    assert "stsb" in read
    (run,) = store.runs()
    assert run.choice is not None
    assert list(run.choice.values()) == [[one.name for one in entry.found]]
    assert len({pair_key(a, b) for a, b, _ in dev[:5]}) == 5
    assert entry.confirm is not None
    assert entry.confirm.pairs == 40
    assert [one.p for one in entry.found] == sorted(one.p for one in entry.found)
    again = [one.confirm for one in entry.found if one.confirm is not None]
    assert len(again) == len(entry.found)
    passed = [one.gain >= 1.6449 * one.error for one in again]
    assert [one.confirmed for one in again] == passed
    assert entry.confirm.confirmed == sum(passed) == sum(layer.confirmed for layer in entry.layers)
    assert entry.confirm.expected == pytest.approx(0.05 * len(entry.found))


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_no_test_set_is_read_for_nothing(
    bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    """Nothing found, or nothing to confirm on."""
    monkeypatch.setattr(ablate.studies.granularity_prevalence, "RATE", rate)
    given: dict[str, Any] = {} if rate == 0 else {"prevalence": {"confirm": []}}
    (entry,) = prevalence(job(bench, **given), store).prevalence
    assert store.reads() == {}
    assert entry.confirm is None
    assert bool(entry.found) == bool(rate)


def test_an_interrupted_study_goes_on_where_it_stopped(bench: Bench, store: Store) -> None:
    made = job(bench)

    def stop(event: Event) -> None:
        if event.text == "group 3":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prevalence(made, store, watch=stop)
    prevalence(made, store, watch=bench.watch)
    cached = {event.text: event.cached for event in bench.events if event.kind == "cell"}
    assert [cached[f"group {place}"] for place in range(8)] == [True] * 4 + [False] * 4
    model_run, _ = prepared(bench, store, made)
    with masked(model_run.model, {}):
        assert len(store.runs()) == 2


def test_sparsities_are_taken_from_the_newest_run_of_the_same_cells(bench: Bench, store: Store) -> None:
    given: dict[str, Any] = {
        "scorers": ["align", "random"],
        "sparsities": [0.125, 0.25, 0.5],
        "controls": {"matched": 2},
    }
    made = job(bench, **given, confirm=["stsb"])
    assert earlier(made, store) is None
    bench.run(**given)
    assert earlier(made, store) is None, "it confirmed nothing"
    bench.run(**given, confirm=["stsb"], statistics={"margin": 100.0})
    newest = bench.run(**given, confirm=["stsb"])
    record = prevalence(made, store)
    assert record.earlier == newest.about.run
    found = earlier(made, store)
    assert found is not None
    assert found.about.run == newest.about.run, "a study is no run of cells"
    (entry,) = record.prevalence
    (one,) = entry.harmless
    assert (one.scorer, one.stage, one.tried) == ("align", "screen", (0.125, 0.25, 0.5))
    items = {
        item.sparsity: known(item.p_harmless)
        for item in newest.evidence
        if isinstance(item.sparsity, float)
        if (item.stage, item.scorer, item.against, item.task) == ("screen", "align", "dense", None)
    }
    passed = [sparsity for sparsity, p in sorted(items.items()) if p <= 0.05]
    expected = None
    for sparsity, mine in zip(sorted(items), passed, strict=False):
        if sparsity != mine:
            break
        expected = sparsity
    assert one.sparsity == expected
    (row,) = [r for r in newest.rows if r.stage == "confirm" and r.scorer == "align" and r.control is None]
    assert entry.best is not None
    assert entry.best.delta == pytest.approx(row.delta_clean)
    assert (entry.best.chosen_on, entry.best.tasks) == (("stsb-dev",), ("stsb",))
    assert entry.best.sparsity == row.sparsity


def test_with_a_wide_margin_every_sparsity_is_harmless_and_without_a_confirm_stage_none_is_best(bench: Bench) -> None:
    given: dict[str, Any] = {"sparsities": [0.25, 0.125], "statistics": {"margin": 100.0}}
    results = bench.run(**given)
    made = job(bench, **given)
    model = results.about.models[0]
    (one,) = harmless(made, results, model, "head")
    assert (one.sparsity, one.tried) == (0.25, (0.125, 0.25))
    assert harmless(made, results, model, "neuron") == ()
    assert best(made, results, model, "head") is None


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"prevalence": {"groups": {"nueron": 4}}}, "recipe.prevalence.groups.nueron: .*did you mean 'neuron'"),
        ({"prevalence": {"by": "magnitud"}}, "recipe.prevalence.by: .*did you mean 'magnitude'"),
        ({"prevalence": {"by": "random"}}, "prevalence.by: 'random' is slow, seeded or uses tasks"),
        ({"prevalence": {"by": "oracle"}}, "prevalence.by: 'oracle' is slow, seeded or uses tasks"),
        ({"prevalence": {"confirm": ["stsb-dev"]}}, "prevalence.confirm: stsb-dev chooses units"),
        ({"prevalence": {"confirm": ["sts99"]}}, "prevalence.confirm.0: unknown task 'sts99'"),
    ],
)
def test_a_mistake_is_named_before_anything_is_loaded(
    bench: Bench, store: Store, given: dict[str, Any], text: str
) -> None:
    with pytest.raises(RecipeError, match=text):
        prevalence(job(bench, **given), store)
    assert not store.runs()


def test_confirm_tasks_are_by_default_what_the_source_has(bench: Bench) -> None:
    def names(**given: Any) -> list[str]:
        return [task.name for task in confirm_tasks(job(bench, prevalence={}, **given))]

    assert names() == ["stsb", "sickr"]
    assert names(data="embedded", screen=["sts-dev"]) == ["synthetic"]


FOUND = FoundGroup("layer 0 head 0", 0, 0, gain=0.5, error=0.1, p=0.001, confirm=None)
HARMLESS = tuple(
    HarmlessSparsity(
        scorer=scorer,
        scope="global",
        steps=1,
        stage="screen",
        tasks=("stsb-dev",),
        tried=(0.1, 0.2),
        sparsity=sparsity,
        margin=0.5,
        task_margins=(0.5,) if sparsity else (),
        unit="points",
        harmed=(),
        unshown=(),
        level=0.05,
        cells=6,
        scorers=3,
    )
    for scorer, sparsity in (("align", 0.1), ("uniform", 0.2), ("combined", None))
)
SHARE = Share(0.3, low=0.2, high=0.41, reason=None)
REPLICATION = Replication(0.7, low=0.61, high=0.79, p=0.002)
ENTRY = PrevalenceEntry(
    model="m",
    granularity="head",
    units=72,
    groups=72,
    group_size=1,
    tasks=("stsb-dev",),
    unit="points",
    pairs=1500,
    undefined=0,
    predicted=(Prediction("align", 0.4, None),),
    removed=Removals((0,), (0,), (0.5,), (0.1,)),
    effect=0.05,
    hurting=Hurting(2, 60),
    share=SHARE,
    replication=REPLICATION,
    rate=0.05,
    found=(FOUND,) * 5,
    confirm=Confirmation(("stsb", "sickr"), 3000, 0.05, confirmed=1, expected=0.25),
    layers=(LayerPrevalence(0, 1, {"align": 0.4}, hurting=Hurting(0, 1), gain=0.5, found=1, confirmed=1),),
    harmless=HARMLESS,
    best=BestCell(
        cell="head × align 20 %",
        scorer="align",
        scope="global",
        steps=1,
        sparsity=0.2,
        chosen_on=("stsb-dev",),
        tasks=("stsb",),
        delta=0.4,
        low=0.1,
        high=0.7,
        unit="points",
        p_different=0.01,
        q_improves=0.02,
        verdict="improves",
        n=1379,
        margin=0.5,
    ),
)


def test_the_answer_in_words() -> None:
    assert sentences(ENTRY) == [
        "Of the 72 heads, removed one at a time on stsb-dev, at least 2 and at most 60 hurt by more than 0.05 points (95 %).",
        "The share is estimated at 30 % (95 %: 20 % to 41 %).",
        "Of those that gain on half of the pairs, 70 % gain on the other half (95 %: 61 % to 79 %), "
        "more than the 50 % where none hurts (p 0.002).",
        "5 are found to improve the model when removed (false-discovery rate 5 %); of these 1 is confirmed on stsb and "
        "sickr, where 0.2 would pass by chance.",
        "Up to 20 % can be removed by uniform with a loss of less than 0.5 points on stsb-dev (at 5 %, corrected over 6 "
        "cells of 3 scorers).",
        "The best cell on stsb-dev, head × align 20 %, changes the score by +0.40 (+0.10 to +0.70) points on stsb, "
        "which had no part in its choice: improves.",
    ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"hurting": None, "share": None}, "too few have a score to tell how many hurt"),
        (
            {"hurting": Hurting(0, 72)},
            "at least 0 and at most 72 hurt by more than 0.05 points (95 %): these pairs do not",
        ),
        (
            {"share": Share(None, 0.01, 0.8, "too few pairs for effects of this size")},
            "The share is not told: too few pairs for effects of this size (95 %: 1 % to 80 %).",
        ),
        ({"replication": replace(REPLICATION, p=0.2)}, "which is possible where none hurts (p 0.20)"),
        ({"groups": 4, "group_size": 2000, "granularity": "neuron"}, "Of 4 groups of 2,000 neuron units, removed"),
        ({"found": ()}, "None is found to improve the model when removed"),
        ({"confirm": None}, "this was not confirmed on other tasks"),
        (
            {"harmless": HARMLESS[2:]},
            "No sparsity that was tried is shown to be harmless: with a loss of less than 0.5",
        ),
    ],
)
def test_what_is_not_known_is_said_to_be(changes: dict[str, Any], text: str) -> None:
    assert text in " ".join(sentences(replace(ENTRY, **changes)))


def test_a_record_is_read_as_it_was_written_and_one_that_lacks_a_key_is_refused() -> None:
    """Also where the values of the record are null, and where a later version has added a key."""
    asked = {"models": ["m"], "data": "embedded", "study": "prevalence", "store": "s"}
    maps = (UnitContributions("m", "head", (0, 1), "oracle", (0.5, -0.5), oracle=True),)
    entries = (ENTRY, replace(ENTRY, share=None, hurting=None, confirm=None, best=None, harmless=()))
    record = PrevalenceRecord(asked, entries, maps, "run-1", None, {"load": 1.5})
    stored = json.loads(json.dumps(to_dict(record)))
    assert from_dict(PrevalenceRecord, stored) == record
    assert from_dict(PrevalenceRecord, stored | {"added": 1}).manifest == asked | {"added": 1}
    del stored["prevalence"][1]["layers"][0]["groups"]
    text = re.escape(
        "run run-1: the record of `ablate prevalence` cannot be read (prevalence.1.layers.0.groups: is absent)"
    )
    with pytest.raises(StoreError, match=text):
        from_dict(PrevalenceRecord, stored)


def test_the_report_shows_what_the_study_said(bench: Bench, store: Store) -> None:
    results = bench.run()
    (entry,) = prevalence(job(bench), store).prevalence
    shown = " ".join(html.unescape(render_html(gather(store, results))).split())
    for sentence in sentences(entry):
        assert sentence in shown
    assert "hurt by more than 0.05 points (95 %)" in shown
    assert "A unit hurts if the model gains more than 0.05 points without it." in shown
    assert entry.hurting is not None
    assert f"{entry.hurting.at_least} to {entry.hurting.at_most}" in shown


def test_the_command_prints_tables_json_and_markdown(bench: Bench) -> None:
    recipe = bench.root / "recipe.yaml"
    recipe.write_text(json.dumps(bench.tree(granularities=["head", "neuron"], prevalence={"groups": GROUPS})))
    words = ["prevalence", str(recipe), "--store", str(bench.store)]
    runner = CliRunner(env={"COLUMNS": "100"})
    shown = runner.invoke(app, words)
    assert shown.exit_code == 0, shown.output
    for title in ("How many units hurt?", "Where do they live?", "head: Of the 8 heads", "neuron: Of 16 groups of 8"):
        assert title in shown.stdout
    assert "hurt by more than 0.05 points" in " ".join(shown.stdout.split())
    again = runner.invoke(app, [*words, "--effect", "0.25"])
    assert "hurt by more than 0.25 points" in " ".join(again.stdout.split())
    about = json.loads(runner.invoke(app, [*words, "--format", "json"]).stdout)
    assert [entry["granularity"] for entry in about["prevalence"]] == ["head", "neuron"]
    file = bench.root / "out.md"
    assert runner.invoke(app, [*words, "--format", "markdown", "-o", str(file)]).exit_code == 0
    assert "### How many units hurt?" in file.read_text()
    with Store(bench.store) as opened:
        newest = opened.runs()[-1]
        assert page(from_dict(PrevalenceRecord, opened.about(newest.id))).blocks
    assert isinstance(runner.invoke(app, [*words, "-o", str(recipe)]).exception, AblateError)


def test_a_report_is_made_beside_a_study_that_an_older_version_recorded(bench: Bench, store: Store) -> None:
    results = bench.run()
    record = prevalence(job(bench), store)
    about = {name: value for name, value in store.about(record.run).items() if name != "prevalence"}
    store.put_rows(record.run, [], about)
    shown = " ".join(html.unescape(render_html(gather(store, results))).split())
    assert f"run {record.run}: the record of `ablate prevalence` cannot be read (prevalence: is absent); run" in shown


def test_an_executor_that_takes_chunks_removes_the_groups(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [*registry().entries, Entry("executor", Pickled, "stranger 1.0")]
    monkeypatch.setattr(registry(), "entries", entries)
    Pickled.taken.clear()
    records = []
    for executor in ("in-process", "pickled"):
        with Store(bench.root / f"{executor}.db") as opened:
            records.append(prevalence(job(bench, executor=executor), opened))
    assert [record.prevalence for record in records[1:]] == [records[0].prevalence]
    assert Pickled.taken["Chunk"] >= 4, "a pass and the heads of two layers"
