"""Queries and documents with prompts of their own: figures against ``encode_query`` and ``encode_document``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.nn.functional import cosine_similarity

from ablate.coordinator.dry_run import preview
from ablate.coordinator.run import execute
from ablate.data.items import ItemSet, Source
from ablate.data.queries import QuerySet
from ablate.doctor.store import store as check_store
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.plan.training import prepare_training_job
from ablate.plugins import Entry, registry
from ablate.recipe.document import Document
from ablate.report.results import Results
from ablate.statistics.metric import MEAN, Statistic
from ablate.store.keys import result_key
from ablate.store.store import Store
from ablate.tasks.base import Task
from tests.bench import Bench, essence, known, make_bench, one, pairs
from tests.coordinator.test_run import head_magnitudes, lowest, remove_heads
from tests.executors.parallel import Spawned

PROMPTS = {"query": "the red ", "document": " two dog: ", "sts": "x y "}
PAIRS = pairs(1, 30)
CORPUS = (*(right for _, right, _ in PAIRS), PAIRS[0][0])
"""With a text that is a query too."""


class Nearness(Task):
    """The mean cosine of each query with its document, on the pairs of ``stsb-dev``."""

    name: ClassVar[str] = "nearness"
    help: ClassVar[str] = "for tests"
    split: ClassVar[str] = "dev"
    metric: ClassVar[str] = "mean cosine"
    unit: ClassVar[str] = "cosine"

    def load(self, source: Source) -> QuerySet:
        data = source.load("stsb-dev")
        queries, n = tuple((text,) for text in data.left), len(data)
        relevant = tuple({(i if i else n): 1.0} for i in range(n))
        documents = (*data.right, data.left[0])
        return QuerySet(self.name, self.split, source.label, queries, np.zeros(n), ("",) * n, documents, relevant)

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        data = cast(QuerySet, data)
        (rows,) = data.rows(1)
        answers = data.document_rows[[next(iter(grades)) for grades in data.relevant]]
        return cosine_similarity(embeddings[rows], embeddings[answers]).numpy()

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:  # noqa: ARG002
        return float(values[kept].mean())

    def statistic(self) -> Statistic:
        return MEAN


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    strangers = (("executor", Spawned), ("task", Nearness))
    entries = [Entry(kind, plugin, "stranger 1.0") for kind, plugin in strangers]
    monkeypatch.setattr(registry(), "entries", [*registry().entries, *entries])
    bench = make_bench(tmp_path, monkeypatch)
    give_prompts(bench)
    return bench


def give_prompts(bench: Bench, default: str | None = "sts", include_prompt: bool = True, **prompts: str) -> None:
    settings = {"prompts": PROMPTS | prompts, "default_prompt_name": default}
    (bench.model / "config_sentence_transformers.json").write_text(json.dumps(settings))
    pooling = {"embedding_dimension": 32, "pooling_mode": "mean", "include_prompt": include_prompt}
    (bench.model / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


def truth(bench: Bench, heads: list[int], dim: int | None = None, prompt: str | None = None) -> float:
    model = SentenceTransformer(str(bench.model), device="cpu", truncate_dim=dim)
    remove_heads(model, heads)
    queries = torch.tensor(model.encode_query([left for left, *_ in PAIRS], prompt=prompt))
    documents = torch.tensor(model.encode_document([CORPUS[-1], *CORPUS[1:-1]], prompt=prompt))
    return float(cosine_similarity(queries, documents).mean())


@pytest.mark.parametrize(
    ("default", "include_prompt"), [(None, True), ("sts", True), ("sts", False), ("query", False), ("document", True)]
)
def test_scores_are_those_of_encode_query_and_encode_document(
    bench: Bench, default: str | None, include_prompt: bool
) -> None:
    give_prompts(bench, default, include_prompt)
    results = bench.run(screen=["nearness", "stsb-dev"], truncate_dims=[16], statistics={"resamples": 200})
    gone = lowest(head_magnitudes(SentenceTransformer(str(bench.model), device="cpu")), 2)
    for dim in (None, 16):
        name = "nearness" if dim is None else f"nearness@{dim}"
        dense = one(results, task=name, dim=dim, cell="dense")
        cell = one(results, task=name, dim=dim, scorer="magnitude", control=None)
        assert dense.score == pytest.approx(truth(bench, [], dim), abs=1e-5)
        assert cell.score == pytest.approx(truth(bench, gone, dim), abs=1e-5)
    # The plain prompt is another one, also for the same texts in a task without roles.
    assert abs(known(one(results, task="nearness", dim=None, cell="dense").score) - truth(bench, [], prompt="")) > 1e-3
    plain = bench.run(bench.root / "plain.db", truncate_dims=[16], statistics={"resamples": 200})
    assert one(plain, task="stsb-dev", cell="dense", dim=None).score == pytest.approx(
        known(one(results, task="stsb-dev", cell="dense", dim=None).score), abs=1e-4
    )


@pytest.mark.parametrize("given", [{"prompt": "a "}, {"prompt": ""}, {"prompt_name": "query"}])
def test_a_prompt_of_the_recipe_holds_for_all_texts(bench: Bench, given: dict[str, str]) -> None:
    results = bench.run(model={"name": str(bench.model), **given}, screen=["nearness"])
    prompt = given.get("prompt", PROMPTS["query"])
    assert one(results, cell="dense").score == pytest.approx(truth(bench, [], prompt=prompt), abs=1e-5)


def test_a_key_has_the_prompts_only_where_they_are_used(bench: Bench) -> None:
    job = bench.job(screen=["nearness", "stsb-dev"])
    queries, pairs_of = job.load(job.tasks.screen)

    def keys(**given: Any) -> list[str]:
        model = load_model(ModelSpec(name=str(bench.model), **given))
        return [result_key(model, None, task) for task in (queries, pairs_of)]

    by_role, without = keys(), keys(prompt=PROMPTS["sts"])
    assert by_role[0] != without[0]
    assert by_role[1] == without[1]
    give_prompts(bench, query="other ")
    assert keys()[0] not in (by_role[0], without[0])
    assert keys()[1] == without[1]
    give_prompts(bench, query="", document="")
    assert keys() == without


def test_a_run_tells_which_prompts_a_task_uses(bench: Bench) -> None:
    told = "queries get the prompt 'the red ' and documents ' two dog: ' on nearness"
    bench.run(screen=["stsb-dev"])
    assert told not in "\n".join(event.text for event in bench.events)
    results = bench.run(screen=["stsb-dev", "nearness"], truncate_dims=[16])
    assert f"{told}" in "\n".join(event.text for event in bench.events)
    remarks = (results.about.remarks or {})["model"]
    assert "queries get the prompt 'the red ' and documents ' two dog: '; other texts get 'x y '" in remarks[0]
    with Store(bench.store) as store:
        for screen, says in ((["stsb-dev"], False), (["nearness", "stsb-dev"], True)):
            made = preview(bench.job(screen=screen), store)
            assert (f"prompts: {told}" in made._lines(made.models[0])) == says


@pytest.mark.slow
def test_other_processes_give_the_same_rows(bench: Bench) -> None:
    here = bench.run(screen=["nearness"])
    there = bench.run(bench.root / "there.db", screen=["nearness"], executor="spawned")
    assert essence(there.rows) == essence(here.rows)


def test_a_store_is_found_sound_and_its_results_are_computed_again(bench: Bench) -> None:
    bench.run(screen=["nearness"])
    assert bench.run(screen=["nearness"]).about.computed == 0
    sections = check_store(str(bench.store), verified=50, device="cpu")
    found = {finding.what: finding for section in sections for finding in section.findings}
    assert not [finding for finding in found.values() if finding.fix]
    assert "equal within rounding" in found["nearness of head magnitude 25 %"].state


def test_the_oracle_and_searches_look_at_the_same_embeddings(bench: Bench) -> None:
    oracle = {"scorer": "oracle", "on": "nearness"}
    search = {"scorer": "magnitude", "granularity": "head", "sparsity": 0.25, "search": "swap"}
    given: dict[str, Any] = {"screen": ["nearness"], "scorers": [oracle, "magnitude"], "cells": [[search]]}
    results = bench.run(**given)
    falls = [truth(bench, []) - truth(bench, [head]) for head in range(8)]
    assert one(results, cell="head oracle 25 %").score == pytest.approx(
        truth(bench, [int(head) for head in np.argsort(falls)[:2]]), abs=1e-5
    )
    start, end = (one(results, cell=f"head magnitude 25 %{swaps}").score for swaps in ("", " with swaps"))
    # Every mask that a swap leads to is measured as the start was.
    assert known(end) > known(start)
    # With other prompts nothing of this is found again, but the mask by magnitude, which looked at no text.
    before = {row.cell: row for row in results.rows}
    give_prompts(bench, query="other ")
    again = {row.cell: row for row in bench.run(**given).rows}
    assert {row.result for row in again.values()}.isdisjoint({row.result for row in before.values()})
    same = {cell for cell in before if again[cell].key == before[cell].key}
    assert same == {"dense", "head magnitude 25 %"}


def test_training_chooses_the_checkpoint_by_the_same_embeddings(bench: Bench) -> None:
    train = {"batch_size": 8, "learning_rate": 0.001, "evaluate_every": 8, "ways": ["prune-then-train"], "steps": 8}
    recipe = bench.recipe(train=train, screen=["nearness"], statistics={"resamples": 200})
    document = Document("recipe", recipe.model_dump(mode="json", by_alias=True))

    def trained() -> Results:
        with Store(bench.store) as store:
            return Results.of(execute(prepare_training_job(recipe, document), store, watch=bench.watch))

    results = trained()
    row = one(results, way="train")
    with Store(bench.store, create=False) as store:
        about = store.mask_about(store.mask_keys(row.key)[0])
        assert about is not None
        training = store.trained_about(about["trained"])
    assert training is not None
    assert row.score == pytest.approx(training["dev"], abs=1e-5)
    give_prompts(bench, query="other ")
    assert trained().about.cached == 0
