"""Tasks on own files keep the contract of tasks, and their values and scores are those of scikit-learn and scipy."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import average_precision_score

from ablate.data.embedded import Embedded
from ablate.errors import DataError
from ablate.tasks.own import KINDS, OwnTask, own_task
from ablate.testing import check_task

HEADERS = {
    "sts": "sentence1,sentence2,score",
    "pairs": "text1,text2,label",
    "triplets": "anchor,positive,negative",
    "retrieval": "query,positive",
    "classification": "text,label",
    "clustering": "text,label",
}


def written(folder: Path, kind: str, rows: int = 160) -> Path:
    path = folder / f"{kind}.csv"
    lines = [HEADERS[kind]]
    for i in range(rows):
        gold = {
            "sts": f"text {i * 7 % 40} x,{i % 6}",
            "pairs": f"text {i * 7 % 40} x,{int(i % 3 == 0)}",
            "retrieval": f"text {i * 7 % 40} x",
            "classification": f"class {i % 3}",
            "clustering": f"class {i % 2}",
        }
        lines.append(f"words {i} of a text,{gold.get(kind, f'word {i},other {i * 3}')}")
    path.write_text("\n".join(lines))
    return path


def made(folder: Path, kind: str, **given: Any) -> OwnTask:
    parameters = {"kind": kind, "file": written(folder, kind), **given}
    return own_task("mine", parameters)(**parameters)


@pytest.mark.parametrize("split", ["dev", "test"])
# That of a classification, whose nested folds take long, is in test_classification.py.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "classification"])
def test_it_keeps_the_contract(tmp_path: Path, kind: str, split: str) -> None:
    given: dict[str, Any] = {"kind": kind, "file": str(written(tmp_path, kind)), "split": split}
    check_task(own_task("mine", given), **given)


@pytest.mark.parametrize("given", [{"kind": "sts"}, {"kind": "sts", "metric": "pearson"}, {"kind": "pairs"}])
def test_scores_of_pairs(tmp_path: Path, given: dict[str, str]) -> None:
    task = made(tmp_path, **given)
    data = task.load(Embedded())
    embeddings = torch.randn(len(data.sentences), 5, generator=torch.manual_seed(0))
    values = task.measure(data, embeddings)
    at = {sentence: embeddings[i].double() for i, sentence in enumerate(data.sentences)}
    cosines = [float(torch.cosine_similarity(at[a], at[b], dim=0)) for a, b in data.texts]
    np.testing.assert_allclose(values, cosines, atol=1e-6)
    if task.metric == "average precision":
        expected = float(average_precision_score(data.gold, cosines))
    elif task.metric == "pearson":
        expected = float(pearsonr(cosines, data.gold).statistic)
    else:
        expected = float(spearmanr(cosines, data.gold).statistic)
    assert task.score(data, values, np.ones(len(data), bool)) == pytest.approx(100 * expected, abs=1e-4)


def test_accuracy_of_triplets(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("anchor,positive,negative\na,b,c\na,c,b\na,b,d\n")
    task = own_task("mine", {"kind": "triplets"})(kind="triplets", file=path)
    data = task.load(Embedded())
    assert data.sentences == ("a", "b", "c", "d")
    values = task.measure(data, torch.tensor([[1.0, 0], [5, 1], [0, 1], [5, 1]]))
    assert values.tolist() == [1, 0, 0]
    assert task.score(data, values, np.ones(3, bool)) == pytest.approx(100 / 3)


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_sent_to_another_process(tmp_path: Path, kind: str) -> None:
    task = made(tmp_path, kind, split="test")
    again = pickle.loads(pickle.dumps(task))
    assert again == task
    assert (again.name, again.split, again.metric, again.identity()) == ("mine", "test", task.metric, task.identity())


def test_a_key_has_no_path_and_a_record_has_the_columns_and_the_hash(tmp_path: Path) -> None:
    task = made(tmp_path, "sts")
    parameters = task.identity()["parameters"]
    assert parameters == {"kind": "sts", "own_split": "dev", "own_metric": "spearman"}
    resolved = task.resolved()
    assert resolved["columns"] == {"first": "sentence1", "second": "sentence2", "score": "score"}
    again = own_task("mine", resolved)(**resolved)
    assert again.load(Embedded()).hash == task.load(Embedded()).hash
    written(tmp_path, "sts", rows=20)
    with pytest.raises(DataError, match=r"has changed: its sha256 is .*restore the file, or leave out sha256"):
        again.load(Embedded())


def test_a_part_is_the_rows_of_its_split(tmp_path: Path) -> None:
    given = {"kind": "sts", "file": written(tmp_path, "sts"), "part": {"shares": {"dev": 0.25, "test": 0.75}}}
    dev, test = (own_task("mine", each)(**each) for each in ({**given, "split": split} for split in ("dev", "test")))
    assert (len(dev.items()), len(test.items())) == (40, 120)
    assert not (dev.rows() & test.rows()).any()
    whole = own_task("mine", {"kind": "sts"})(kind="sts", file=given["file"]).items()
    assert {*dev.items().texts, *test.items().texts} == set(whole.texts)
    assert test.identity()["parameters"] == {"kind": "sts", "own_split": "test", "own_metric": "spearman"}
    resolved = test.resolved()
    assert resolved["part"]["rows"] == {"train": 0, "dev": 40, "test": 120}
    again = own_task("mine", resolved)(**resolved)
    assert again.items().hash == test.items().hash
    assert pickle.loads(pickle.dumps(again)).items().hash == test.items().hash


def test_the_pairs_that_calibration_draws_from(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("text1,text2,score\na,b,100\nc,d,84\ne,f,20\ng,h,84.5\n")
    task = own_task("mine", {"kind": "sts"})(kind="sts", file=path)
    # (84 - 20) / 80 is four fifths of the range: 4, and not above.
    assert task.pairs_of(task.items()).gold.tolist() == [5, 4, 0, 4.03125]
    assert task.scale() == "scores 20 to 100 count as 0 to 5, and positives have more than 84"
    path.write_text("text1,text2,label\na,b,1\nc,d,0\n")
    task = own_task("mine", {"kind": "pairs"})(kind="pairs", file=path)
    assert task.pairs_of(task.items()).gold.tolist() == [5, 0]
    path.write_text("anchor,positive,negative\na,b,c\nd,e,f\n")
    task = own_task("mine", {"kind": "triplets"})(kind="triplets", file=path)
    found = task.pairs_of(task.items())
    assert found.texts == (("a", "b"), ("a", "c"), ("d", "e"), ("d", "f"))
    assert found.gold.tolist() == [5, 0, 5, 0]


def test_the_scale_is_that_of_the_file_and_not_of_the_part(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("text1,text2,score,split\na,b,0,test\nc,d,10,test\ne,f,4,train\ng,h,6,train\n")
    given = {"kind": "sts", "file": path, "part": {"column": "split"}, "split": "train"}
    task = own_task("mine", given)(**given)
    assert task.pairs_of(task.items()).gold.tolist() == [2, 3]
