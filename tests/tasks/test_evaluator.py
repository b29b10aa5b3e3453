"""Evaluators of sentence-transformers as tasks: the library's own score, and no interval."""

from __future__ import annotations

import json
import math
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from ablate.data.items import ItemSet
from ablate.engine.evaluator import Evaluator
from ablate.errors import DataError, PluginError, Undefined
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.tasks.evaluator import EvaluatorTask, _loaded, evaluator_task
from ablate.tasks.loaded import Loaded
from ablate.testing import check_task
from ablate.testing.samples import SampleSource
from tests.workplace import RECIPE, Workplace

MODULE = """
import random
from sentence_transformers.base.evaluation import SentenceEvaluator, SequentialEvaluator
from sentence_transformers.sentence_transformer.evaluation import *

A = [f"the {w} {n} runs fast" for w in ("red", "small", "old") for n in ("dog", "cat", "horse", "bird")]
B = [f"a {n} that is {w} runs" for w in ("red", "small", "old") for n in ("dog", "cat", "horse", "bird")]
SCORES = [(7 * i) % 12 / 11 for i in range(12)]

def similarity():
    return EmbeddingSimilarityEvaluator(A, B, SCORES, name="mine")

def shuffled():
    return EmbeddingSimilarityEvaluator([t + " now" for t in A], [t + " now" for t in B], SCORES, name="mine")

def other_labels():
    return EmbeddingSimilarityEvaluator(A, B, [*SCORES[:-2], SCORES[-1], SCORES[-2]], name="mine")

def triplets():
    return TripletEvaluator(A, B, B[1:] + B[:1])

def binary():
    return BinaryClassificationEvaluator(A, B, [int(s > 0.5) for s in SCORES])

def retrieval():
    queries, corpus = ({f"{i}": t for i, t in enumerate(texts)} for texts in (A, B))
    return InformationRetrievalEvaluator(queries, corpus, {i: {i} for i in queries}, ndcg_at_k=[3], mrr_at_k=[3])

def reranking():
    return RerankingEvaluator([{"query": a, "positive": [b], "negative": B[:4]} for a, b in zip(A[4:], B[4:])])

def paraphrases():
    texts = {f"{i}": t for i, t in enumerate([*A, *B])}
    return ParaphraseMiningEvaluator(texts, [(f"{i}", f"{i + 12}") for i in range(12)])

def translation():
    return TranslationEvaluator(A, B)

def truncated():
    return EmbeddingSimilarityEvaluator(A, B, SCORES, truncate_dim=8)

def sequential():
    return SequentialEvaluator([similarity(), triplets()], main_score_function=lambda scores: sum(scores))

class Own(SentenceEvaluator):
    def __init__(self, of, **settings):
        super().__init__()
        self.of, self.settings = of, settings
        self.greater_is_better = not settings.get("lower")
        self.primary_metric = settings.get("primary")
    def __call__(self, model, output_path=None, epoch=-1, steps=-1):
        return self.of(model)

def plain():
    return Own(lambda model: float(model.similarity(model.encode(A[0]), model.encode(B[0]))))

def changing():
    calls = []
    def run(model):
        calls.append(0)
        model.encode(A[: len(calls)])
        return 1.0
    return Own(run)

def prompted():
    return Own(lambda model: model.encode(A, prompt="say: ") is None)

def tokens():
    return Own(lambda model: model.encode(A, output_value="token_embeddings") is None)

def modules():
    return Own(lambda model: model({"input_ids": []}) is None)

def lists():
    return Own(lambda model: model.encode([[1]]) is None)

def nothing():
    return Own(lambda model: 1.0)

def unnamed():
    return Own(lambda model: {"a": float(model.encode(A).sum())}, primary="b")

def lower():
    return Own(lambda model: float(model.encode(A).sum()), lower=True)

def broken():
    return Own(lambda model: 1 / 0 + model.encode(A))

def nan():
    return Own(lambda model: model.encode(A).sum() * float("nan"))

def no_evaluator():
    return 3

def raises():
    raise OSError("no labels")
"""

EVALUATORS = (
    *("similarity", "triplets", "binary", "retrieval", "reranking", "paraphrases", "translation", "truncated"),
    *("sequential", "plain"),
)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module in the current folder, under a name that no other test uses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    name = f"evaluators_{abs(hash(tmp_path)) % 10**8:08}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    _loaded.cache_clear()
    yield name
    sys.modules.pop(name, None)


def task(place: str, split: str = "dev") -> EvaluatorTask:
    given = {"evaluator": place, "split": split}
    return evaluator_task("mine", given)(**given)


def measured(place: str, spec: ModelSpec) -> float:
    one = task(place)
    data = one.load(SampleSource())
    result = Evaluator(load_model(spec)).evaluate({}, [Loaded(one, data, np.ones(len(data), bool))])["mine"]
    assert result.values is None
    assert result.score is not None
    return result.score


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    from ablate.testing.tiny import save_tiny

    return ModelSpec(name=str(save_tiny(tmp_path_factory.mktemp("tiny") / "model")))


@pytest.mark.parametrize("function", EVALUATORS)
def test_the_score_is_what_the_evaluator_returns_of_the_librarys_model(
    module: str, tiny: ModelSpec, function: str
) -> None:
    own = getattr(__import__(module), function)()
    found = own(SentenceTransformer(tiny.name, device="cpu"))
    expected = found[own.primary_metric] if isinstance(found, dict) else found
    assert measured(f"{module}:{function}", tiny) == pytest.approx(expected, abs=1e-5)


def test_texts_have_the_roles_with_which_they_are_encoded(module: str) -> None:
    data = task(f"{module}:retrieval").load(SampleSource())
    of = __import__(module)
    assert {s for s, role in zip(data.sentences, data.roles, strict=True) if role == "query"} == set(of.A)
    assert {s for s, role in zip(data.sentences, data.roles, strict=True) if role == "document"} == set(of.B)
    assert task(f"{module}:similarity").load(SampleSource()).roles == ()


def test_another_label_is_other_data(module: str) -> None:
    of = {name: task(f"{module}:{name}").load(SampleSource()) for name in ("similarity", "other_labels", "truncated")}
    assert of["similarity"].sentences == of["other_labels"].sentences
    assert len({data.hash for data in of.values()}) == 3
    _loaded.cache_clear()
    assert task(f"{module}:similarity").load(SampleSource()).hash == of["similarity"].hash


def test_it_is_the_same_in_another_process(module: str) -> None:
    import subprocess

    one = task(f"{module}:sequential", "test")
    again = pickle.loads(pickle.dumps(one))
    assert (again.name, again.split, again.identity()) == ("mine", "test", one.identity())
    code = (
        "import pickle, sys; from ablate.testing.samples import SampleSource;"
        "print(pickle.load(sys.stdin.buffer).load(SampleSource()).hash)"
    )
    ran = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(one), capture_output=True, check=True)
    assert ran.stdout.decode().strip() == one.load(SampleSource()).hash


REFUSED = {
    "prompted": "the evaluator gives texts a prompt of its own ('say: '), which ablate cannot; leave it out, and choose",
    "tokens": "the evaluator asks for token_embeddings, and ablate has embeddings of texts",
    "modules": "the evaluator runs the modules of the model, and not only encode; it cannot be a task",
    "lists": "the evaluator encodes something else than texts; it cannot be a task",
    "nothing": "its evaluator encodes no text",
    "unnamed": "the evaluator's primary_metric is 'b', which is none of its scores: a",
    "lower": "lower is better for ",
    "broken": "its evaluator fails with a stand-in for the model: ZeroDivisionError: division by zero",
    "no_evaluator": "returns a int, which is no SentenceEvaluator",
    "raises": "cannot be made: OSError: no labels; modules are found in the current folder and on PYTHONPATH",
    "absent": "cannot be made: AttributeError: ",
}


@pytest.mark.parametrize("function", REFUSED)
def test_refused_in_one_line(module: str, function: str) -> None:
    with pytest.raises(DataError) as caught:
        task(f"{module}:{function}").load(SampleSource())
    assert REFUSED[function] in str(caught.value)
    assert str(caught.value).startswith("task 'mine': ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("mine", "evaluator 'mine' is not of the form MODULE:FUNCTION"),
        ("mine:a b", "is not of the form MODULE:FUNCTION"),
        ("no_such_module:make", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_wrong_place_is_refused(place: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        task(place).load(SampleSource())


def test_other_texts_at_another_time_are_refused(module: str, tiny: ModelSpec) -> None:
    with pytest.raises(PluginError, match=r"encodes other texts than before, such as 'the red cat runs fast'; let it"):
        measured(f"{module}:changing", tiny)


def test_a_score_that_is_no_number_is_undefined(module: str) -> None:
    one = task(f"{module}:nan")
    data = one.load(SampleSource())
    with pytest.raises(Undefined, match="the evaluator's score is nan"):
        one.whole(data, torch.ones(len(data.sentences), 4))
    with pytest.raises(Undefined, match="not finite"):
        one.whole(data, torch.full((len(data.sentences), 4), math.inf))
    with pytest.raises(PluginError, match="is no evaluator"):
        one.whole(ItemSet("a", "dev", "there", (), np.empty(0), ()), torch.ones(1, 4))


RUN = (
    RECIPE.replace("[sts-dev]", "[mine]")
    + """\
confirm: [held-out, stsb]
controls: {matched: 2}
tasks:
  mine: {evaluator: "MODULE:similarity"}
  held-out: {evaluator: "MODULE:retrieval", split: test}
"""
)


@pytest.fixture
def workplace(
    tmp_path: Path, module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str, str], Any]:
    made = Workplace(tmp_path, monkeypatch, capsys)

    def run(recipe: str, *arguments: str) -> Any:
        return made.run(recipe.replace("MODULE", module), *arguments)

    run.place = made  # type: ignore[attr-defined]
    return run


def test_a_run_chooses_and_reports_without_an_interval(workplace: Any) -> None:
    ran = workplace(RUN, "--format", "json", "--output", "rows.json")
    assert ran.code == 0, ran.err
    rows = json.loads(Path("rows.json").read_text())
    mine, held_out = ([r for r in rows if r["task"] == name] for name in ("mine", "held-out"))
    assert all(r["score"] is not None and r["delta"] == r["score"] - r["dense"] for r in (*mine, *held_out))
    judged = ("low", "high", "p_different", "verdict", "q_better", "q_harmless", "smallest_better")
    assert all(r[name] is None for r in (*mine, *held_out) for name in judged)
    assert {r["unit"] for r in mine} == {"score"}
    # The best align cell is confirmed on both, and judged on the other task as ever.
    assert any(r["chosen"] for r in held_out)
    assert all(r["verdict"] is not None and r["low"] is not None for r in rows if r["task"] == "stsb" and r["chosen"])
    shown = workplace.place("show")
    told = " ".join(shown.out.split())
    assert "no evidence, held-out (confirm): no value of each item, so that there is no interval, no test" in told
    assert "nan" not in shown.out.lower().replace("nano", "")
    assert workplace.place("report", "-o", "r.html").code == 0
    assert workplace.place("doctor", "--verify", "4").code == 0
    # All is in the store: nothing is computed again, and nothing changes.
    again = workplace(RUN, "--format", "json", "--output", "again.json")
    assert again.code == 0
    other = {r["task"]: r for r in json.loads(Path("again.json").read_text())}
    assert all(r["cached"] for r in other.values())


def test_a_run_with_early_stopping_and_dims(workplace: Any) -> None:
    recipe = RUN.replace("{matched: 2}", "{matched: 9, stop_early: true}") + "truncate_dims: [8]\n"
    ran = workplace(recipe, "--format", "json", "--output", "rows.json")
    assert ran.code == 0, ran.err
    rows = json.loads(Path("rows.json").read_text())
    assert {r["task"] for r in rows} == {"mine", "mine@8", "held-out", "held-out@8", "stsb", "stsb@8"}


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        (
            RUN.replace("[mine]", "[mine, sts-dev]"),
            "r.yaml:7:1: cells are chosen by the mean of 'mine' in score and 'stsb",
        ),
        (RUN + "evaluate: {racing: true}\n", "r.yaml:13:12: mine cannot be measured on a part of the items; leave"),
        (
            RUN.replace("split: test", "split: train"),
            "r.yaml:12:58: task 'held-out', split: must be 'dev' or 'test', not 'train'",
        ),
        (
            RUN.replace('"MODULE:similarity"', '"MODULE:similarity", file: a.csv'),
            "r.yaml:11:55: task 'mine': unknown parameter 'file'; valid: evaluator, split",
        ),
        (RUN.replace("MODULE:similarity", "no_such:make"), "task 'mine': evaluator 'no_such:make' cannot be made: "),
        (
            RUN.replace("mine:", "stsb:").replace("[mine]", "[sts-dev]"),
            "r.yaml:11:10: task 'stsb': unknown parameter 'evaluator'",
        ),
    ],
)
def test_a_recipe_is_refused_in_one_line(workplace: Any, recipe: str, told: str) -> None:
    workplace.place.nothing_may_load()
    assert workplace.place.refused(workplace(recipe)).startswith(told)


def test_seen_texts_cannot_be_left_out(workplace: Any) -> None:
    # Two of these texts are queries of the evaluator.
    words = [f"the {word} dog runs fast" for word in ("red", "old", "new")]
    Path("pairs.tsv").write_text("".join(f"{text}\t{text.upper()}!\n" for text in words))
    recipe = RUN.replace("similarity", "shuffled").replace(
        "{pairs: 8, sentences: 16, batch_size: 4}", "{positives: {file: pairs.tsv}, batch_size: 2}"
    )
    ran = workplace(recipe, "--format", "json", "--output", "rows.json")
    assert ran.code == 0, ran.err
    rows = [r for r in json.loads(Path("rows.json").read_text()) if r["task"] == "held-out"]
    assert rows
    for row in rows:
        assert row["score"] is not None
        assert row["score_clean"] is None
        assert row["reason"] == "2 of its 12 texts have been seen, and it has no score without them; see overlap: keep"
        assert (row["n"], row["n_clean"]) == (12, 10)
    kept = workplace(recipe + "overlap: keep\n", "--format", "json", "--output", "rows.json")
    assert kept.code == 0, kept.err


def test_it_keeps_the_contract_of_tasks(module: str) -> None:
    check_task(evaluator_task("mine", {"split": "dev"}), evaluator=f"{module}:similarity")
