"""``truncate_dims``: every figure at a dimension against sentence-transformers, and one encoding for all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sentence_transformers import SentenceTransformer
from torch.nn.functional import cosine_similarity, normalize

from ablate.coordinator.run import execute
from ablate.data.items import ItemSet
from ablate.doctor.store import store as check_store
from ablate.engine.evaluator import Evaluator
from ablate.errors import RecipeError
from ablate.judge.difference import differences
from ablate.judge.effects import stages
from ablate.plan.training import prepare_training_job
from ablate.plugins import Entry, registry
from ablate.recipe.document import Document
from ablate.recipe.recorded import recorded_recipe
from ablate.record import Row
from ablate.report.differences import page
from ablate.report.html.gather import gather
from ablate.report.html.page import render_html
from ablate.report.results import Results
from ablate.statistics.metric import MEAN, Statistic
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded, at_dims
from ablate.tasks.sts import Sts
from ablate.tasks.transfer import Transfer
from ablate.testing.samples import SampleSource
from ablate.testing.tiny import tiny_model
from tests.bench import Bench, Pair, essence, known, make_bench, of, one, pairs
from tests.coordinator.test_run import head_magnitudes, lowest, remove_heads
from tests.executors.parallel import Spawned

DIMS = [32, 16, 5]
"""The model has 32."""

CONFIRMED: dict[str, Any] = {
    "scorers": ["magnitude", "align"],
    "screen": ["stsb-dev", "sickr-dev"],
    "confirm": ["stsb", "sickr"],
    "statistics": {"resamples": 200},
}
TRUNCATED = CONFIRMED | {"truncate_dims": DIMS}


class Shaped(Sts):
    """A stranger's task, which views what it gets, and says how wide that is."""

    name: ClassVar[str] = "shaped"
    split: ClassVar[str] = "dev"
    help: ClassVar[str] = "for tests"

    def load(self, source: Any) -> ItemSet:
        return replace(cast(ItemSet, source.load("stsb-dev")), name="shaped")

    def measure(self, data: ItemSet, embeddings: torch.Tensor) -> NDArray[np.float32]:
        return np.full(len(data), embeddings.view(-1).numel() / len(data.sentences), np.float32)

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:  # noqa: ARG002
        return float(values[kept].mean())

    def statistic(self) -> Statistic:
        return MEAN


class Failing(Shaped):
    """Its statistic has a bug."""

    name: ClassVar[str] = "failing"

    def statistic(self) -> Statistic:
        raise RuntimeError("a bug")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    strangers = (("executor", Spawned), ("task", Shaped), ("task", Failing))
    entries = [Entry(kind, plugin, "stranger 1.0") for kind, plugin in strangers]
    monkeypatch.setattr(registry(), "entries", [*registry().entries, *entries])
    return make_bench(tmp_path, monkeypatch)


class Counter:
    """Counts the sentences that are encoded for cells, and how often."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.encoded: list[int] = []
        embed = Evaluator.embed

        def counted(evaluator: Evaluator, *given: Any, **options: Any) -> Any:
            made = embed(evaluator, *given, **options)
            self.encoded.append(len(made.embeddings))
            return made

        patch.setattr(Evaluator, "embed", counted)


def truth(bench: Bench, dim: int | None, content: list[Pair], heads: list[int]) -> float:
    """Spearman × 100 of gold and the cosines of sentence-transformers' own truncated embeddings."""
    model = SentenceTransformer(str(bench.model), device="cpu", truncate_dim=dim)
    remove_heads(model, heads)
    left, right = (torch.tensor(model.encode([pair[side] for pair in content])) for side in (0, 1))
    assert left.shape[1] == (dim or 32)
    return 100 * float(spearmanr(cosine_similarity(left, right).numpy(), [gold for *_, gold in content]).statistic)


def whole(results: Results) -> list[Row]:
    return of(results, dim=None)


def test_scores_are_those_of_sentence_transformers_truncated_embeddings(bench: Bench) -> None:
    results = bench.run(**TRUNCATED)
    gone = lowest(head_magnitudes(SentenceTransformer(str(bench.model), device="cpu")), 2)
    sets = {"stsb-dev": (pairs(1, 30), "screen"), "sickr": (pairs(3, 20, 1.0), "confirm")}
    for task, (content, stage) in sets.items():
        for dim in (None, *DIMS):
            name = task if dim is None else f"{task}@{dim}"
            dense = one(results, task=name, dim=dim, cell="dense", stage=stage)
            cell = one(results, task=name, dim=dim, scorer="magnitude", control=None, stage=stage)
            assert dense.score == pytest.approx(truth(bench, dim, content, []), abs=1e-4)
            assert cell.score == pytest.approx(truth(bench, dim, content, gone), abs=1e-4)
            assert (cell.dense, cell.delta) == (dense.score, known(cell.score) - known(dense.score))
            assert (cell.metric, cell.n) == ("spearman", len(content))


def test_all_dimensions_are_measured_on_one_encoding(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    bench.run(bench.root / "plain.db", **CONFIRMED)
    plain, encodes = counter.encoded, bench.encodes
    counter.encoded, bench.encodes = [], 0
    results = bench.run(**TRUNCATED)
    assert (counter.encoded, bench.encodes) == (plain, encodes)
    assert len(results) == (1 + len(DIMS)) * len(whole(results))


def test_each_dimension_is_a_result_of_its_own_and_the_whole_ones_are_as_without(bench: Bench) -> None:
    plain = bench.run(**CONFIRMED)
    results = bench.run(**TRUNCATED)
    assert essence(whole(results)) == essence(plain.rows), "scores, keys, choice and verdicts"
    keys = {(row.dim, row.result) for row in results.rows}
    assert len({key for _, key in keys}) == len(keys)
    with Store(bench.store, create=False) as store:
        stored = store.get_results(str(key) for _, key in keys)
    for row in results.rows:
        assert stored[str(row.result)].score == row.score
        values = stored[str(row.result)].values
        assert values is not None
        assert len(values) == row.n
    again = bench.run(**TRUNCATED)
    assert again.about.counts == f"{again.about.cached} cached, 0 computed, 0 failed"
    more = bench.run(**TRUNCATED | {"truncate_dims": [16, 8]})
    assert {row.dim for row in more.rows} == {None, 16, 8}
    # With the option off, records have no word of it.
    text = json.dumps([plain.rows[0].to_dict(), plain.about.to_dict()])
    assert '"dim' not in text
    assert '"truncate' not in text
    assert "dim" not in plain.to_csv().splitlines()[0]
    assert ",dim" in results.to_csv().splitlines()[0]
    assert recorded_recipe(results.about.recipe).truncate_dims == DIMS


def test_cells_have_evidence_controls_and_a_mean_at_each_dimension(bench: Bench) -> None:
    results = bench.run(**TRUNCATED)
    for dim in (None, *DIMS):
        for scorer in ("magnitude", "align"):
            rows = of(results, dim=dim, scorer=scorer, stage="confirm", control=None)
            names = ["stsb", "sickr"] if dim is None else [f"stsb@{dim}", f"sickr@{dim}"]
            assert [row.task for row in rows] == names
            items = [e for e in results.evidence if e.stage == "confirm" and e.dim == dim and e.scorer == scorer]
            assert [(e.task, e.against) for e in items if e.against == "dense"] == [
                (task, "dense") for task in (None, *names)
            ]
            assert [e.draws for e in items if e.against == "matched"] == [3, 3, 3]
            mean = next(e for e in items if e.task is None and e.against == "dense")
            assert mean.delta == pytest.approx(fmean(known(row.delta_clean) for row in rows))
            assert {row.mean_verdict for row in rows} == {mean.said}
            assert all(row.low is not None and row.verdict is not None for row in rows)
            summary = next(
                one for one in results.summary() if (one.stage, one.dim, one.scorer) == ("confirm", dim, scorer)
            )
            assert (summary.tasks, summary.delta, summary.verdict) == (tuple(names), mean.delta, mean.verdict)
    # The same pairs count at each dimension.
    assert len({(row.n_clean, row.task.partition("@")[0]) for row in of(results, stage="confirm")}) == 2


def test_a_margin_of_a_task_holds_at_each_dimension(bench: Bench) -> None:
    results = bench.run(**TRUNCATED | {"statistics": {"resamples": 200, "margins": {"stsb": 2.5}}})
    margins = {e.task: e.margin for e in results.evidence if e.stage == "confirm" and e.against == "dense"}
    assert (margins["stsb"], margins["stsb@16"], margins["sickr@16"], margins[None]) == (2.5, 2.5, 0.5, 0.2)


def test_losses_and_strangers_tasks_get_the_first_components(bench: Bench) -> None:
    results = bench.run(screen=["stsb-dev", "geometry", "shaped", "failing"], truncate_dims=[5, 16])
    for dim in (5, 16):
        model = SentenceTransformer(str(bench.model), device="cpu", truncate_dim=dim)
        close = [pair for pair in pairs(1, 30) if pair[2] > 4]
        left, right = (normalize(torch.tensor(model.encode([p[side] for p in close])), dim=1) for side in (0, 1))
        align = float((left - right).square().sum(1).mean())
        assert one(results, task=f"align-dev@{dim}", cell="dense").score == pytest.approx(align, abs=1e-5)
        assert one(results, task=f"shaped@{dim}", cell="dense").score == dim
    assert one(results, task="shaped", cell="dense").score == 32
    # A statistic that fails withholds the evidence of its own task alone, at every dimension.
    withheld = [line.partition(" (")[0] for line in results.about.withheld]
    assert sorted(withheld) == ["failing", "failing@16", "failing@5"]
    assert all(e.dim in (None, 5, 16) for e in results.evidence)
    assert {e.task for e in results.evidence if e.dim == 5} >= {"shaped@5"}


@pytest.mark.parametrize("name", ["mr", "mrpc"])
def test_classifiers_learn_from_the_first_components(name: str) -> None:
    model, source = tiny_model(), SampleSource()
    task = registry().task_class(name)()
    assert isinstance(task, Transfer)
    data = task.load(source)
    tasks = at_dims([Loaded(task, data, np.ones(len(data), bool))], [5])
    results = Evaluator(model).evaluate({}, tasks)
    embedded = Evaluator(model).embed({}, tasks[:1])
    rows = embedded.embeddings[embedded.texts.rows(data)]
    for loaded, given in zip(tasks, (rows, rows[:, :5].contiguous()), strict=True):
        values = results[loaded.name].values
        assert values is not None
        assert np.array_equal(values, task.measure(data, given))


def test_a_race_is_run_by_whole_embeddings_and_encodes_no_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    grid: dict[str, Any] = {
        "granularities": ["unstructured"],
        "sparsities": [0.05, 0.5, 0.9, 0.99],
        "screen": ["stsb-dev", "sickr-dev"],
        "statistics": {"level": 0.45, "resamples": 200},
    }
    raced: dict[str, Any] = {"evaluate": {"racing": True}}
    plain = bench.run(bench.root / "plain.db", **grid, **raced)
    spent = counter.encoded
    counter.encoded = []
    results = bench.run(**grid, **raced, truncate_dims=[16])
    assert counter.encoded == spent
    assert essence(whole(results)) == essence(plain.rows)
    without = bench.run(bench.root / "without.db", **grid, truncate_dims=[16])
    for row, other in zip(of(results, dim=16), of(without, dim=16), strict=True):
        assert (row.cell, row.task) == (other.cell, other.task)
        if row.status == "ok":
            assert (row.result, row.n) == (other.result, other.n)
            assert row.score == pytest.approx(other.score, abs=1e-3)


def test_other_processes_give_the_same_rows(bench: Bench) -> None:
    here = bench.run(**TRUNCATED)
    there = bench.run(bench.root / "there.db", **TRUNCATED, executor="spawned")
    assert essence(there.rows) == essence(here.rows)


def test_draws_stop_early_once_cells_are_settled_at_every_dimension(bench: Bench) -> None:
    results = bench.run(**TRUNCATED | {"controls": {"matched": 12, "stop_early": True}})
    for row in of(results, stage="confirm", control=None, scorer="magnitude"):
        assert row.draws_made == len(of(results, control_of=row.key, task=row.task, stage="confirm"))


def test_trained_cells_are_compared_with_training_alone_at_each_dimension(bench: Bench) -> None:
    train = {"batch_size": 8, "learning_rate": 0.001, "evaluate_every": 8, "ways": ["prune-then-train"]}
    recipe = bench.recipe(train=train, statistics={"resamples": 200}, truncate_dims=[5])
    job = prepare_training_job(recipe, Document("recipe", recipe.model_dump(mode="json", by_alias=True)))
    with Store(bench.store) as store:
        results = Results.of(execute(job, store, watch=bench.watch))
    items = {e.dim: e for e in results.evidence if e.against == "trained" and e.scorer == "magnitude"}
    assert items.keys() == {None, 5}
    for dim, item in items.items():
        cell = one(results, dim=dim, scorer="magnitude", way="prune-then-train")
        alone = one(results, dim=dim, way="train")
        assert item.delta == pytest.approx(known(cell.score_clean) - known(alone.score_clean))
    assert "by dimension: Δ on stsb-dev (dev)" in results.to_markdown()


def test_a_store_is_found_sound_and_its_results_are_computed_again(bench: Bench) -> None:
    bench.run(**TRUNCATED | {"confirm": None, "truncate_dims": [5]})
    sections = check_store(str(bench.store), verified=50, device="cpu")
    found = {finding.what: finding for section in sections for finding in section.findings}
    assert not [finding for finding in found.values() if finding.fix]
    assert "equal within rounding" in found["stsb-dev@5 of head magnitude 25 %"].state


def test_tables_reports_and_differences_have_the_dimensions(bench: Bench) -> None:
    results = bench.run(**TRUNCATED)
    text = results.to_markdown()
    assert "dimensions: 32, which choose; also truncated to 16, 5" in text
    table = text.partition("Confirm, by dimension: mean Δ on 2 tasks (test), points (spearman)")[2]
    assert "| cell | 32 | 16 | 5 |" in table, "whole embeddings are shown once"
    dense = [
        fmean(known(row.dense_clean) for row in of(results, dim=d, stage="confirm", cell="dense"))
        for d in (None, 16, 5)
    ]
    assert f"| dense, clean | {' | '.join(f'{score:.2f}' for score in dense)} |" in table
    assert "points (spearman at 16 dimensions)" in text
    assert "at 32 dimensions" not in text
    with Store(bench.store, create=False) as store:
        report = render_html(gather(store, results))
        compared = differences(
            results, store, registry(), "dense", "head magnitude 25 %", bench.recipe(**TRUNCATED).statistics
        )
    assert "spearman at 16 dimensions" in report
    (at_16,) = [found for stage, found in compared if (stage.name, stage.measure.dim) == ("confirm", 16)]
    row = one(results, task="stsb@16", stage="confirm", scorer="magnitude", control=None)
    assert next(d for d in at_16 if d.task == "stsb@16").compared.delta == pytest.approx(-known(row.delta_clean))
    titles = [table.title for block in page(results, "a", "b", compared, 0.05).blocks for table in block.tables]
    assert "Confirm: points (spearman at 16 dimensions)" in titles
    # The answer is by whole embeddings.
    assert [stage.measure.dim for stage in stages(results) if stage.name == "confirm"] == [None, *DIMS]
    assert "Judged on the mean of 2 tasks (test)." in report


def test_more_components_than_there_are_is_refused_before_anything_is_computed(bench: Bench) -> None:
    with pytest.raises(RecipeError) as error:
        bench.run(**TRUNCATED | {"truncate_dims": [64, 16]})
    assert str(error.value) == (
        "truncate_dims: 64 is more than the 32 components of the embeddings of model 'model'; "
        "list numbers of at most 32"
    )
    config = bench.model / "config_sentence_transformers.json"
    config.write_text(json.dumps({"truncate_dim": 8}))
    with pytest.raises(RecipeError, match="16 is more than the 8 components"):
        bench.run(**TRUNCATED | {"truncate_dims": [16]})
    assert bench.encodes == 0
    results = bench.run(**TRUNCATED | {"truncate_dims": [8, 4]})
    score = truth(bench, 4, pairs(0, 40), [])
    assert one(results, task="stsb@4", cell="dense").score == pytest.approx(score, abs=1e-4)
