"""Texts get the prompts that MTEB gives them, or the task is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mteb", reason="mteb is not installed: pip install ./plugins/ablate-mteb")

from ablate_mteb import find
from ablate_mteb.base import items_of
from mteb_feed import feed, own_run, small, with_settings

from ablate.engine.evaluator import Evaluator
from ablate.errors import PluginError
from ablate.models.load import load_model
from ablate.models.sentence_transformer import sentence_transformer
from ablate.models.spec import ModelSpec
from ablate.tasks.loaded import Loaded
from ablate.testing.samples import SampleSource

QUERY, DOCUMENT = "search for: ", "the text says: "


@pytest.fixture(autouse=True)
def _fed(monkeypatch: pytest.MonkeyPatch) -> None:
    items_of.cache_clear()
    feed(monkeypatch, small())


def folder(place: Path, **settings: Any) -> ModelSpec:
    sentence_transformer(ModelSpec(name="minilm")).save(str(place))
    return ModelSpec(name=str(with_settings(place, settings)))


def score(spec: ModelSpec, name: str) -> float:
    task = find(name).tasks[0]()
    data = task.load(SampleSource())
    result = Evaluator(load_model(spec)).evaluate({}, [Loaded(task, data, np.ones(len(data), bool))])[name]
    assert result.score is not None
    return result.score


@pytest.mark.parametrize("name", ["NFCorpus", "AskUbuntuDupQuestions", "STSBenchmark"])
def test_prompts_of_queries_and_documents(tmp_path: Path, name: str) -> None:
    spec = folder(tmp_path, prompts={"query": QUERY, "document": DOCUMENT})
    ours = score(spec, f"mteb:{name}")
    assert ours == pytest.approx(own_run(sentence_transformer(spec), name), abs=0.01)
    plain = score(ModelSpec(name="minilm"), f"mteb:{name}")
    assert (ours == plain) == (name == "STSBenchmark"), "STS has no queries"


def test_a_default_prompt_is_for_texts_without_a_role(tmp_path: Path) -> None:
    spec = folder(tmp_path, prompts={"all": QUERY}, default_prompt_name="all")
    ours = score(spec, "mteb:STSBenchmark")
    assert ours == pytest.approx(own_run(sentence_transformer(spec), "STSBenchmark"), abs=0.01)
    assert ours != score(ModelSpec(name="minilm"), "mteb:STSBenchmark")
    # The library gives queries the prompt of queries, which is empty.
    with pytest.raises(PluginError, match=r"MTEB gives a (query|document) of NFCorpus the prompt '\w+' \(''\), and"):
        score(spec, "mteb:NFCorpus")


@pytest.mark.parametrize(
    ("prompt", "name", "told"),
    [
        (
            "STS",
            "STSBenchmark",
            "MTEB gives each text of STSBenchmark the prompt 'STS' ('search for: '), and ablate",
        ),
        ("STSBenchmark", "STSBenchmark", "the prompt 'STSBenchmark'"),
        ("Retrieval-query", "NFCorpus", "MTEB gives a query of NFCorpus the prompt 'Retrieval-query'"),
        ("NFCorpus-document", "NFCorpus", "MTEB gives a document of NFCorpus the prompt 'NFCorpus-document'"),
        ("Classification", "Banking77Classification", "the prompt 'Classification'"),
    ],
)
def test_a_prompt_that_ablate_does_not_give_is_refused(tmp_path: Path, prompt: str, name: str, told: str) -> None:
    spec = folder(tmp_path, prompts={prompt: QUERY})
    with pytest.raises(PluginError) as caught:
        score(spec, f"mteb:{name}")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(f"run this task apart, with model: {{prompt_name: '{prompt}'}}")


def test_the_remedy_gives_mtebs_score(tmp_path: Path) -> None:
    spec = folder(tmp_path, prompts={"STS": QUERY})
    ours = score(spec.model_copy(update={"prompt_name": "STS"}), "mteb:STSBenchmark")
    assert ours == pytest.approx(own_run(sentence_transformer(spec), "STSBenchmark"), abs=0.01)


def test_prompts_of_other_tasks_do_not_matter(tmp_path: Path) -> None:
    spec = folder(tmp_path, prompts={"Clustering": QUERY, "Banking77Classification": QUERY, "anything": QUERY})
    assert score(spec, "mteb:STSBenchmark") == score(ModelSpec(name="minilm"), "mteb:STSBenchmark")


def test_a_search_by_another_similarity_is_refused(tmp_path: Path) -> None:
    spec = folder(tmp_path, similarity_fn_name="dot")
    assert score(spec, "mteb:STSBenchmark") == score(ModelSpec(name="minilm"), "mteb:STSBenchmark")
    with pytest.raises(PluginError, match="asks for the similarity dot, by which MTEB searches"):
        score(spec, "mteb:NFCorpus")
