from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from ablate_retrieval import Retrieval, RetrievalDev, ablate_register_tasks, read_queries
from sentence_transformers import SentenceTransformer

from ablate.engine.evaluator import Evaluator
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.plugin_api import EQUAL_WITHIN, DataError, QuerySet, Task, Undefined
from ablate.tasks.loaded import Loaded
from ablate.testing import SampleSource, check_task
from ablate.testing.tiny import save_tiny

EXAMPLE = Path(__file__).parents[1] / "examples" / "faq-dev.tsv"


@pytest.mark.parametrize("task", [Retrieval, RetrievalDev])
@pytest.mark.parametrize("at", [1, 5])
def test_keeps_the_contract(task: type[Retrieval], at: int) -> None:
    check_task(task, file=str(EXAMPLE), at=at)


def loaded(folder: Path, text: str, at: int = 1, name: str = "queries.tsv") -> QuerySet:
    file = folder / name
    file.write_text(text)
    return Retrieval(file=file, at=at).load(SampleSource())


def found(data: QuerySet, vectors: dict[str, tuple[float, float]], at: int = 1) -> list[float]:
    embeddings = torch.tensor([vectors[text] for text in data.sentences])
    values: list[float] = Retrieval(at=at).measure(data, embeddings).tolist()
    return values


def test_nearest_by_hand(tmp_path: Path) -> None:
    data = loaded(tmp_path, "q1\ta\nq2\tb\nq3\tc\n")
    # By angle: q1 is nearest to a; q2 to a, then b; q3 to b, then a, then c. Length does not count.
    vectors = {"q1": (9.0, 1.0), "a": (1.0, 0.0), "q2": (1.0, 0.5), "b": (0.0, 1.0), "q3": (0.1, 1.0), "c": (-1.0, 0.0)}
    assert found(data, vectors) == [1, 0, 0]
    assert found(data, vectors, at=2) == [1, 1, 0]
    values = np.array(found(data, vectors), np.float32)
    assert Retrieval().score(data, values, np.ones(3, bool)) == pytest.approx(100 / 3)
    assert Retrieval().score(data, values, np.array([True, True, False])) == 50


def test_other_positives_of_a_query_and_the_query_itself_do_not_compete(tmp_path: Path) -> None:
    data = loaded(tmp_path, "q\ta\nq\tb\np\tq\nr\tc\n")
    vectors = {"q": (1.0, 0.0), "a": (1.0, 0.1), "b": (1.0, 0.2), "p": (0.0, 1.0), "r": (-1.0, 0.0), "c": (-1.0, 0.1)}
    # b is behind a, which answers the same query; both are behind q, which is a text as well. p is nearest to b.
    assert found(data, vectors) == [1, 1, 0, 1]


def test_a_tie_is_not_found(tmp_path: Path) -> None:
    data = loaded(tmp_path, "q1\ta\nq2\tb\nq3\tc\n")
    assert found(data, dict.fromkeys(data.sentences, (0.3, 0.7))) == [0, 0, 0]


def test_many_texts_of_itemsas_one_by_one() -> None:
    """More queries than one block of rows has, against the plain definition."""
    left, right = tuple(f"q{i}" for i in range(1100)), tuple(f"t{i % 100}" for i in range(1100))
    documents = right[:100]
    relevant = tuple({i % 100: 1.0} for i in range(1100))
    texts_of_items = tuple((query,) for query in left)
    data = QuerySet("retrieval", "test", "", texts_of_items, np.zeros(1100), ("",) * 1100, documents, relevant)
    generator = torch.Generator().manual_seed(0)
    texts = {f"t{i}": torch.randn(8, generator=generator) for i in range(100)}
    queries = {a: texts[b] + torch.randn(8, generator=generator) for a, b in zip(left, right, strict=True)}
    embeddings = torch.stack([(queries | texts)[sentence] for sentence in data.sentences])
    values = Retrieval(at=3).measure(data, embeddings)
    unit = dict(zip(data.sentences, embeddings / embeddings.norm(dim=1, keepdim=True), strict=True))
    for i in range(0, 1100, 7):
        nearer = sum(
            float(unit[left[i]] @ unit[text]) >= float(unit[left[i]] @ unit[right[i]]) - 1e-6
            for text in dict.fromkeys(right)
            if text != right[i]
        )
        assert values[i] == (nearer < 3)
    assert 0.2 < values.mean() < 0.9


def test_embeddings_that_are_not_finite_have_no_score(tmp_path: Path) -> None:
    data = loaded(tmp_path, "q1\ta\nq2\tb\n")
    with pytest.raises(Undefined, match="not finite"):
        Retrieval().measure(data, torch.full((4, 2), torch.nan))


def test_tsv_and_jsonl_of_the_same_pairs_are_the_same_data(tmp_path: Path) -> None:
    pairs = [('say "hi"', "a  text"), ("été", "b\u2028c")]
    tsv = loaded(tmp_path, "".join(f"{a}\t{b}\r\n" for a, b in pairs))
    lines = [json.dumps({"id": 7, "positive": b, "query": a}) for a, b in pairs]
    jsonl = loaded(tmp_path, "".join(f"{line}\n" for line in lines), name="queries.jsonl")
    assert (tsv.texts, tsv.documents) == ((('say "hi"',), ("été",)), ("a text", "b c"))
    assert tsv.relevant == ({0: 1.0}, {1: 1.0})
    assert tsv.hash == jsonl.hash
    assert (tsv.source, jsonl.source) == ("queries.tsv", "queries.jsonl")


def test_where_the_file_lies_is_no_part_of_the_key(tmp_path: Path) -> None:
    assert Retrieval(file=tmp_path / "a.tsv").identity() == Retrieval(file=tmp_path / "b.tsv").identity()
    assert Retrieval(at=1).identity() != Retrieval(at=2).identity()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1: the file is empty"),
        ("q\ta\nq2\n", ":2: 1 tab-separated columns, expected 2"),
        ("q\ta\nq2\tb\tc\n", ":2: 3 tab-separated columns, expected 2"),
        ("q\ta\n\nq2\tb\n", ":2: 1 tab-separated columns"),
        ("q\ta\n \tb\n", ":2: an empty sentence"),
        ("q\ta\nq2\tq2\n", ":2: the query is its own positive"),
        ("q\ta\nq2\tb\nq \ta\n", ":3: the same pair as in line 1"),
        ("q\ta\np\ta\n", ": any of 1 texts is among the nearest 1; lower at, or add texts"),
    ],
)
def test_a_bad_table_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataError, match="queries.tsv" + told):
        loaded(tmp_path, text)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "not JSON: Expecting"),
        ("[1]", "no JSON object"),
        ('{"query": "q", "positives": "a"}', "no 'positive' in the object, which has positives, query; name its"),
        ("{}", "no 'query' in the object, which has nothing"),
        ('{"query": 3, "positive": "a"}', "'query' is no text but 3"),
        ('{"query": "q", "positive": " "}', "an empty sentence"),
    ],
)
def test_a_bad_object_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(DataError, match="queries.jsonl:2: " + told):
        loaded(tmp_path, f'{{"query": "q", "positive": "b"}}\n{line}\n', name="queries.jsonl")


def test_a_file_that_is_not_there_not_given_or_not_utf_8(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.tsv: No such file"):
        read_queries(tmp_path / "gone.tsv")
    with pytest.raises(DataError, match=r"'retrieval-dev' has no file; give tasks: \{retrieval-dev: \{file: "):
        RetrievalDev().load(SampleSource())
    (tmp_path / "latin.tsv").write_bytes(b"q\ta\nq\xe9\tb\n")
    with pytest.raises(DataError, match=r"latin\.tsv:2: not UTF-8"):
        read_queries(tmp_path / "latin.tsv")


def test_at_is_fewer_than_the_texts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="any of 2 texts is among the nearest 2"):
        loaded(tmp_path, "q1\ta\nq2\tb\n", at=2)


def test_registers_both() -> None:
    registered: list[type[Task]] = []
    ablate_register_tasks(registered.append)
    assert [(task.name, task.split) for task in registered] == [("retrieval", "test"), ("retrieval-dev", "dev")]


@pytest.mark.parametrize("prompts", [{"query": "the red ", "document": "two dog: "}, {"query": "a "}, {}])
def test_of_a_model_with_prompts_it_is_that_of_encode_query_and_encode_document(
    tmp_path: Path, prompts: dict[str, str]
) -> None:
    folder = save_tiny(tmp_path / "model")
    settings = {"prompts": prompts, "default_prompt_name": None}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    words = list("abcdefghijklmn")
    lines = [" ".join(words[(i * k) % 14] for k in (1, 3, 5, 9)) for i in range(40)]
    # The last positive is a query too.
    pairs = [*((f"{i} {line}", f"{line} {i % 7}") for i, line in enumerate(lines)), ("an end", f"0 {lines[0]}")]
    data = loaded(tmp_path, "".join(f"{query}\t{positive}\n" for query, positive in pairs), at=3)
    task = Retrieval(at=3)
    result = Evaluator(load_model(ModelSpec(name=str(folder)))).evaluate({}, [Loaded(task, data, np.ones(41, bool))])

    library = SentenceTransformer(str(folder), device="cpu")
    queries = library.encode_query([query for query, _ in pairs], normalize_embeddings=True)
    documents = library.encode_document(list(data.documents), normalize_embeddings=True)
    cosines = queries @ documents.T
    expected = []
    for row, (query, positive) in zip(cosines, pairs, strict=True):
        mine = row[data.documents.index(positive)]
        rivals = [c for c, text in zip(row, data.documents, strict=True) if text not in (query, positive)]
        expected.append(sum(c >= mine - EQUAL_WITHIN for c in rivals) < 3)
    assert 0 < np.mean(expected) < 1
    assert result["retrieval"].values == pytest.approx(np.array(expected, float))
    assert result["retrieval"].score == pytest.approx(100 * np.mean(expected), abs=1e-5)
