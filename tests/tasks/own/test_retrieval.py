"""Retrieval on own files is that of sentence-transformers and of pytrec_eval, and of cases by hand."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

from ablate.data.embedded import Embedded
from ablate.data.queries import QuerySet
from ablate.engine.evaluator import Evaluator
from ablate.errors import DataError, Undefined
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.statistics.metric import EQUAL_WITHIN
from ablate.tasks.loaded import Loaded
from ablate.tasks.own import OwnTask, own_task
from ablate.tasks.own import retrieval as module
from ablate.testing import check_task
from ablate.testing.tiny import save_tiny

METRICS = ("ndcg", "mrr", "recall", "accuracy")
WORDS = list("abcdefghijklmn")


def made(file: Path, **given: Any) -> OwnTask:
    parameters = {"kind": "retrieval", "file": str(file), **given}
    return own_task("mine", parameters)(**parameters)


def queries_of(task: OwnTask) -> QuerySet:
    data = task.load(Embedded())
    assert isinstance(data, QuerySet)
    return data


def table(folder: Path, *rows: tuple[str, str]) -> Path:
    path = folder / "t.tsv"
    path.write_text("query\tpositive\n" + "".join(f"{q}\t{p}\n" for q, p in rows))
    return path


def beir(folder: Path, grades: int = 1, queries: int = 12, documents: int = 40) -> Path:
    random = np.random.default_rng(0)
    (folder / "qrels").mkdir(parents=True)
    texts = [" ".join(random.choice(WORDS, 5)) + f" {i}" for i in range(documents + queries)]
    with (folder / "corpus.jsonl").open("w") as file:
        for i in range(documents):
            file.write(json.dumps({"_id": f"d{i}", "title": f"w{i % 3}", "text": texts[i]}) + "\n")
    with (folder / "queries.jsonl").open("w") as file:
        for i in range(queries):
            file.write(json.dumps({"_id": f"q{i}", "text": texts[documents + i]}) + "\n")
    lines = ["query-id\tcorpus-id\tscore"]
    for i in range(queries - 2):
        for document in random.choice(documents, 1 + i % 13, replace=False):
            lines.append(f"q{i}\td{document}\t{random.integers(1, grades + 1)}")
    # Judged, and not relevant.
    lines.append("q0\td39\t0" if "q0\td39\t1" not in lines else "q0\td38\t0")
    (folder / "qrels" / "test.tsv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("metric", METRICS)
def test_it_keeps_the_contract(tmp_path: Path, metric: str) -> None:
    folder = beir(tmp_path / "set")
    given: dict[str, Any] = {"kind": "retrieval", "file": str(folder), "split": "test", "metric": metric}
    check_task(own_task("mine", given), **given)


@pytest.mark.parametrize("at", [1, 3, 10])
@pytest.mark.parametrize("metric", METRICS)
def test_it_is_sentence_transformers_evaluator(tmp_path: Path, metric: str, at: int) -> None:
    model = save_tiny(tmp_path / "model")
    folder = beir(tmp_path / "set")
    task = made(folder, metric=metric, at=at, split="test")
    data = queries_of(task)
    result = Evaluator(load_model(ModelSpec(name=str(model)))).evaluate({}, [Loaded(task, data, np.ones(10, bool))])
    relevant = {str(i): {str(n) for n in grades} for i, grades in enumerate(data.relevant)}
    cutoffs: dict[str, Any] = {f"{name}_at_k": [at] for name in ("accuracy", "precision_recall", "mrr", "ndcg", "map")}
    of_library = InformationRetrievalEvaluator(
        {str(i): text for i, (text,) in enumerate(data.texts)},
        {str(i): text for i, text in enumerate(data.documents)},
        relevant,
        **cutoffs,
        main_score_function="cosine",
        write_csv=False,
    )(SentenceTransformer(str(model), device="cpu"))
    name = {"ndcg": f"ndcg@{at}", "mrr": f"mrr@{at}"}.get(metric, f"{metric}@{at}")
    assert 0 < of_library[f"cosine_{name}"] < 1
    assert result["mine"].score == pytest.approx(100 * of_library[f"cosine_{name}"], abs=1e-4)
    assert task.metric == {"ndcg": f"nDCG@{at}", "mrr": f"MRR@{at}"}.get(metric, f"{metric}@{at}")


def test_grades_are_gains_as_in_pytrec_eval(tmp_path: Path) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    task = made(beir(tmp_path / "set", grades=3), at=5, split="test")
    data = queries_of(task)
    embeddings = torch.randn(len(data.sentences), 6, generator=torch.manual_seed(1))
    unit = embeddings / embeddings.norm(dim=1, keepdim=True)
    cosines = unit[data.rows(1)[0]] @ unit[data.document_rows].T
    run = {str(i): {str(j): float(c) for j, c in enumerate(row)} for i, row in enumerate(cosines)}
    grades = {str(i): {str(n): int(grade) for n, grade in found.items()} for i, found in enumerate(data.relevant)}
    assert {grade for found in grades.values() for grade in found.values()} == {1, 2, 3}
    expected = pytrec_eval.RelevanceEvaluator(grades, {"ndcg_cut.5"}).evaluate(run)
    values = task.measure(data, embeddings)
    assert values.tolist() == pytest.approx([expected[str(i)]["ndcg_cut_5"] for i in range(len(data))], abs=1e-6)


def test_by_hand(tmp_path: Path) -> None:
    path = table(tmp_path, ("q", "a"), ("q", "b"), ("p", "c"), ("r", "d"))
    # By angle: q is nearest to c, then a, d, b; p to c; r to a, c, d, b.
    angles = {"q": 0.0, "c": 5.0, "a": 10.0, "d": 20.0, "b": 40.0, "p": 4.0, "r": 9.6}
    second, third, fourth = (1 / np.log2(rank + 1) for rank in (2, 3, 4))
    expected = {
        ("ndcg", 10): [(second + fourth) / (1 + second), 1, third],
        ("ndcg", 2): [second / (1 + second), 1, 0],
        ("mrr", 10): [1 / 2, 1, 1 / 3],
        ("mrr", 2): [1 / 2, 1, 0],
        ("recall", 3): [1 / 2, 1, 1],
        ("accuracy", 1): [0, 1, 0],
        ("accuracy", 2): [1, 1, 0],
    }
    for (metric, at), values in expected.items():
        task = made(path, metric=metric, at=at)
        data = queries_of(task)
        assert data.texts == (("q",), ("p",), ("r",))
        radians = torch.deg2rad(torch.tensor([angles[text] for text in data.sentences]))
        found = task.measure(data, 3 * torch.stack([radians.cos(), radians.sin()], 1))
        assert found.tolist() == pytest.approx(values, abs=1e-6), (metric, at)
        assert task.score(data, found, np.ones(3, bool)) == pytest.approx(100 * np.mean(values), abs=1e-4)


def test_the_querys_own_text_does_not_compete_unless_it_is_relevant(tmp_path: Path) -> None:
    path = table(tmp_path, ("q", "a"), ("p", "q"), ("r", "b"))
    vectors = {"q": (1.0, 0.0), "a": (1.0, 0.5), "p": (1.0, 0.1), "r": (0.0, 1.0), "b": (0.0, 1.0)}
    task = made(path, metric="accuracy", at=1)
    data = queries_of(task)
    assert task.measure(data, torch.tensor([vectors[text] for text in data.sentences])).tolist() == [1, 1, 1]


@pytest.mark.parametrize("metric", METRICS)
def test_ties_count_against_the_relevant_document(tmp_path: Path, metric: str) -> None:
    path = table(tmp_path, *((f"q{i}", f"d{i}") for i in range(30)))
    task = made(path, metric=metric)
    data = queries_of(task)
    assert not task.measure(data, torch.full((len(data.sentences), 3), 0.3)).any()


def test_blocks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = made(beir(tmp_path / "set"), split="test")
    data = queries_of(task)
    embeddings = torch.randn(len(data.sentences), 6, generator=torch.manual_seed(1))
    whole = task.measure(data, embeddings)
    monkeypatch.setattr(module, "_CELLS", 3 * len(data.documents))
    np.testing.assert_allclose(task.measure(data, embeddings), whole, atol=1e-6)


def test_embeddings_that_are_not_finite_have_no_score(tmp_path: Path) -> None:
    task = made(table(tmp_path, ("q", "a"), ("p", "b")))
    data = queries_of(task)
    with pytest.raises(Undefined, match="not finite"):
        task.measure(data, torch.full((4, 2), torch.nan))


def test_all_documents_are_not_the_nearest(tmp_path: Path) -> None:
    path = table(tmp_path, ("q", "a"), ("p", "b"))
    with pytest.raises(DataError, match=r"any of 2 documents is among the nearest 2; lower at, or add documents"):
        queries_of(made(path, metric="recall", at=2))
    assert len(queries_of(made(path, at=2))) == 2


def test_qrels_are_those_of_the_split_unless_named(tmp_path: Path) -> None:
    folder = beir(tmp_path / "set")
    assert made(folder, split="test").resolved()["qrels"] == "test"
    assert made(folder, qrels="test").resolved()["qrels"] == "test"
    with pytest.raises(DataError, match=r"dev\.tsv: is not there; valid: test; say which with qrels"):
        made(folder).load(Embedded())
    with pytest.raises(DataError, match="only a BEIR folder has qrels"):
        made(table(tmp_path, ("q", "a"), ("p", "b")), qrels="test").load(Embedded())


def test_a_large_corpus_takes_seconds() -> None:
    random = np.random.default_rng(0)
    n, documents = 500, 50_000
    relevant = tuple({int(i): 1.0} for i in random.integers(documents, size=n))
    texts, corpus = tuple((f"q{i}",) for i in range(n)), tuple(f"d{i}" for i in range(documents))
    data = QuerySet("q", "dev", "", texts, np.zeros(n), ("",) * n, corpus, relevant)
    embeddings = torch.randn(n + documents, 16, generator=torch.manual_seed(0))
    for i, grades in enumerate(relevant[:100]):
        embeddings[data.document_rows[next(iter(grades))]] = embeddings[i]
    started = time.perf_counter()
    given: dict[str, Any] = {"kind": "retrieval", "metric": "mrr"}
    values = own_task("q", given)(**given).measure(data, embeddings)
    assert time.perf_counter() - started < 20
    assert values[:100].tolist() == [1.0] * 100


@pytest.mark.parametrize("prompts", [{"query": "the red ", "document": "two dog: "}, {"query": "a "}, {}])
def test_of_a_model_with_prompts_it_is_that_of_encode_query_and_encode_document(
    tmp_path: Path, prompts: dict[str, str]
) -> None:
    model = save_tiny(tmp_path / "model")
    settings = {"prompts": prompts, "default_prompt_name": None}
    (model / "config_sentence_transformers.json").write_text(json.dumps(settings))
    lines = [" ".join(WORDS[(i * k) % 14] for k in (1, 3, 5, 9)) for i in range(40)]
    # The last positive is a query too.
    rows = [*((f"{i} {line}", f"{line} {i % 7}") for i, line in enumerate(lines)), ("an end", f"0 {lines[0]}")]
    task = made(table(tmp_path, *rows), metric="accuracy", at=3)
    data = queries_of(task)
    result = Evaluator(load_model(ModelSpec(name=str(model)))).evaluate({}, [Loaded(task, data, np.ones(41, bool))])

    library = SentenceTransformer(str(model), device="cpu")
    queries = library.encode_query([query for query, _ in rows], normalize_embeddings=True)
    documents = library.encode_document(list(data.documents), normalize_embeddings=True)
    expected = []
    for row, (query, positive) in zip(queries @ documents.T, rows, strict=True):
        mine = row[data.documents.index(positive)]
        rivals = [c for c, text in zip(row, data.documents, strict=True) if text not in (query, positive)]
        expected.append(sum(c >= mine - EQUAL_WITHIN for c in rivals) < 3)
    assert 0 < np.mean(expected) < 1
    assert result["mine"].values == pytest.approx(np.array(expected, float))


def test_parts_divide_queries_and_share_the_corpus(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    # Queries 2k and 2k + 1 have one answer, so that they stay together.
    path.write_text("query,positive\n" + "".join(f"question {i},answer {i // 2}\n" for i in range(100)))
    made = []
    for split in ("dev", "test"):
        given: dict[str, Any] = {"kind": "retrieval", "file": path, "split": split}
        given["part"] = {"shares": {"dev": 0.3, "test": 0.7}}
        made.append(own_task("mine", given)(**given).load(Embedded()))
    dev, test = made
    assert isinstance(dev, QuerySet)
    assert isinstance(test, QuerySet)
    assert (len(dev), len(test)) == (30, 70)
    assert dev.documents == test.documents
    assert len(dev.documents) == 50
    answers = [{number for grades in each.relevant for number in grades} for each in (dev, test)]
    assert answers[0].isdisjoint(answers[1])
