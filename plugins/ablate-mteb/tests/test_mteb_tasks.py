"""Scores equal MTEB's own run of the same model, for each type of task; and what holds for the items."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

mteb = pytest.importorskip("mteb", reason="mteb is not installed: pip install ./plugins/ablate-mteb")

from ablate_mteb import find  # noqa: E402
from ablate_mteb.base import MtebTask, items_of  # noqa: E402
from ablate_mteb.data import NotCached  # noqa: E402
from ablate_mteb.encoders import Known  # noqa: E402
from ablate_mteb.tasks import MtebSts  # noqa: E402
from datasets import Dataset, DatasetDict  # noqa: E402
from mteb_feed import CLASSES, QUERIES, STS, feed, into_cache, own_run, small, unfeed  # noqa: E402

from ablate.data.items import normalize  # noqa: E402
from ablate.engine.evaluator import Evaluator  # noqa: E402
from ablate.errors import PluginError  # noqa: E402
from ablate.models.load import load_model  # noqa: E402
from ablate.models.model import Model  # noqa: E402
from ablate.models.sentence_transformer import sentence_transformer  # noqa: E402
from ablate.models.spec import ModelSpec  # noqa: E402
from ablate.plan.tasks import load_tasks  # noqa: E402
from ablate.plugins import registry  # noqa: E402
from ablate.tasks.loaded import Loaded  # noqa: E402
from ablate.testing import check_task  # noqa: E402
from ablate.testing.samples import SampleSource  # noqa: E402

SPEC = ModelSpec(name="minilm")
TASKS = (
    "mteb:STSBenchmark",
    "mteb:STSBenchmark:validation",
    "mteb:SprintDuplicateQuestions",
    "mteb:Banking77Classification",
    "mteb:NFCorpus",
    "mteb:AskUbuntuDupQuestions",
)


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    items_of.cache_clear()
    return feed(monkeypatch, small())


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(SPEC)


def task(name: str) -> MtebTask:
    (kind,) = find(name).tasks
    made = kind()
    assert isinstance(made, MtebTask)
    return made


def measured(model: Model, name: str) -> tuple[Loaded, float]:
    of = task(name)
    data = of.load(SampleSource())
    loaded = Loaded(of, data, np.ones(len(data), bool))
    result = Evaluator(model).evaluate({}, [loaded])[name]
    assert result.score is not None, result.reason
    return loaded, result.score


@pytest.mark.parametrize("name", TASKS)
def test_the_score_is_that_of_mtebs_own_run(model: Model, name: str) -> None:
    _, score = measured(model, name)
    bare, _, split = name.removeprefix("mteb:").partition(":")
    assert score == pytest.approx(own_run(sentence_transformer(SPEC), bare, split or "test"), abs=0.01)
    assert 20 < score < 99.9, "a score that any model has would show nothing"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if "Banking" in name else []) for name in TASKS]
)
def test_it_keeps_the_contract(name: str) -> None:
    check_task(type(task(name)))


def test_data_are_asked_for_at_the_revision_that_mteb_pins(loaded: list[tuple[str, str]]) -> None:
    for name in ("STSBenchmark", "NFCorpus"):
        loaded.clear()
        data = task(f"mteb:{name}").load(SampleSource())
        about = mteb.get_task(name).metadata.dataset
        assert set(loaded) == {(about["path"], about["revision"])}
        assert data.source == f"MTEB {mteb.__version__}, {about['path']} at {about['revision'][:12]}"


def test_data_are_read_once(loaded: list[tuple[str, str]]) -> None:
    of = task("mteb:STSBenchmark")
    assert of.load(SampleSource()) is of.load(SampleSource())
    assert len(loaded) == 1


def test_the_items_of_pairs_are_those_of_the_set() -> None:
    given, data = small()[STS]["test"], task("mteb:STSBenchmark").load(SampleSource())
    assert data.texts == tuple(zip(given["sentence1"], given["sentence2"], strict=True))
    assert data.gold.tolist() == given["score"]
    assert data.roles == ()
    assert set(data.sentences) == {text for pair in data.texts for text in pair}


def test_queries_and_documents_have_roles_and_are_compared_with_their_answers() -> None:
    hub, data = small(), task("mteb:NFCorpus").load(SampleSource())
    queries, corpus = hub[f"{QUERIES}/queries"]["test"], hub[f"{QUERIES}/corpus"]["test"]
    assert [text for (text,) in data.texts] == queries["text"]
    # MTEB puts a title before its text.
    documents = [f"{title} {text}".strip() for title, text in zip(corpus["title"], corpus["text"], strict=True)]
    by_role = {
        role: [s for s, its in zip(data.sentences, data.roles, strict=True) if its == role] for role in data.roles
    }
    assert by_role["document"] == list(dict.fromkeys(documents))
    assert by_role["query"] == list(dict.fromkeys(queries["text"]))
    number = int(queries["id"][1][1:])
    relevant = [number, number + 1] if number % 2 else [number]
    query = normalize(queries["text"][1])
    assert set(data.compared[1]) == {
        (query, query),
        *(tuple(sorted((query, normalize(documents[i])))) for i in relevant),
    }
    seen = data.pairs_seen()
    assert not data.unseen(seen).any()
    assert data.unseen(frozenset({tuple(sorted((query, normalize(documents[number]))))})).sum() == len(data) - 1


def test_another_grade_of_a_document_is_other_data() -> None:
    before = task("mteb:NFCorpus").load(SampleSource()).hash
    hub = small()
    graded = hub[f"{QUERIES}/default"]["test"].to_dict()
    graded["score"][0] = 1
    with pytest.MonkeyPatch.context() as patch:
        feed(patch, hub | {f"{QUERIES}/default": DatasetDict(test=Dataset.from_dict(graded))})
        items_of.cache_clear()
        assert task("mteb:NFCorpus").load(SampleSource()).hash != before
    items_of.cache_clear()


def test_a_task_that_mteb_scores_by_f1_says_so(monkeypatch: pytest.MonkeyPatch, model: Model) -> None:
    name = "WisesightSentimentClassification.v2"
    about = mteb.get_task(name).metadata
    assert about.main_score == "f1"
    feed(monkeypatch, {about.dataset["path"]: small()[CLASSES]})
    loaded, score = measured(model, f"mteb:{name}")
    assert loaded.data.source.endswith("(MTEB's main score is f1)")
    assert loaded.task.metric == "accuracy"
    found = mteb.evaluate(sentence_transformer(SPEC), mteb.get_task(name), cache=None, show_progress_bar=False)
    assert score == pytest.approx(100 * found.task_results[0].scores["test"][0]["accuracy"], abs=0.01)


def test_data_that_are_not_there_are_no_lost_run() -> None:
    of = task("mteb:STS12")
    (loaded,) = load_tasks([of], SampleSource(), registry(), faults=True)
    assert loaded.fault is not None
    assert "NotCached: mteb/sts12-sts at " in loaded.fault
    assert loaded.fault.endswith("fetch it with python -m ablate_mteb 'mteb:STS12'")
    with pytest.raises(NotCached, match=r"has no split 'dev', only test, validation; name one of these"):
        task("mteb:STSBenchmark:dev").load(SampleSource())


def test_no_network_is_used() -> None:
    import datasets
    import huggingface_hub

    seen: list[tuple[bool, bool]] = []

    def load(*_: object, **__: object) -> None:
        seen.append((huggingface_hub.constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE))
        raise ConnectionError("offline")

    before = huggingface_hub.constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mteb.abstasks.abstask.load_dataset", load)
        with pytest.raises(NotCached, match="offline"):
            task("mteb:STS13").load(SampleSource())
    assert seen == [(True, True)]
    assert before == (huggingface_hub.constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE)


@pytest.mark.parametrize(("name", "repository", "count"), [("STSBenchmark", STS, 120), ("NFCorpus", QUERIES, 40)])
def test_the_cache_of_datasets_is_read_at_the_pinned_revision_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, repository: str, count: int
) -> None:
    unfeed(monkeypatch)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)
    fed = task(f"mteb:{name}")
    with pytest.raises(NotCached, match=f"{repository} at .*; fetch it with python -m ablate_mteb 'mteb:{name}'"):
        fed.load(SampleSource())
    # Without the network, `datasets` takes the revision that it has.
    into_cache(tmp_path, repository, "0" * 40, small())
    with pytest.raises(NotCached, match=f"the cache has another revision of {repository} than"):
        fed.load(SampleSource())
    shutil.rmtree(tmp_path)
    into_cache(tmp_path, repository, mteb.get_task(name).metadata.dataset["revision"], small())
    found = fed.load(SampleSource())
    assert len(found) == count
    items_of.cache_clear()
    feed(monkeypatch, small())
    assert found.hash == fed.load(SampleSource()).hash


def test_other_texts_than_before_are_refused() -> None:
    data = task("mteb:STSBenchmark").load(SampleSource())
    rows = {text: row for row, text in enumerate(data.encoded[1:])}
    with pytest.raises(PluginError, match="encodes a text that it did not encode before"):
        data.run.scores(Known(rows, torch.zeros(len(rows), 4)))


def test_a_score_that_is_not_mtebs_is_refused(monkeypatch: pytest.MonkeyPatch, model: Model) -> None:
    of, values = MtebSts.values, np.float32(1)

    def reversed_values(self: MtebSts, *arguments: Any) -> tuple[Any, float]:
        found, score = of(self, *arguments)
        return -found * values, score

    monkeypatch.setattr(MtebSts, "values", reversed_values)
    with pytest.raises(PluginError, match=r"the values of the items give -\d+\.\d+, and MTEB \d+\.\d+"):
        measured(model, "mteb:STSBenchmark")
