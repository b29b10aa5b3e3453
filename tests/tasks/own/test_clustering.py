"""V-measure of each set is that of MTEB's k-means, and a set is the unit of tests."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import homogeneity_completeness_v_measure

from ablate.data.clusters import ClusteredSet
from ablate.data.embedded import Embedded
from ablate.errors import DataError, Undefined
from ablate.tasks.loaded import Loaded, panel_of
from ablate.tasks.own import own_task
from ablate.tasks.own.clustering import OwnClustering, v_measure


def written(folder: Path, rows: int = 200, classes: int = 3) -> Path:
    path = folder / "t.csv"
    path.write_text("text,topic\n" + "".join(f"text {i},topic {i % classes}\n" for i in range(rows)))
    return path


def made(file: Path, **given: Any) -> OwnClustering:
    parameters = {"kind": "clustering", "file": str(file), **given}
    task = own_task("mine", parameters)(**parameters)
    assert isinstance(task, OwnClustering)
    return task


def test_by_hand() -> None:
    # Two clusters, as far apart as can be; one text of the second class is in the first.
    embeddings = np.array([[0, 0], [0, 0.1], [0, 0.2], [9, 9], [9, 9.1]], np.float32)
    classes = np.array([0.0, 0, 1, 1, 1])
    h = -(2 / 5 * np.log(2 / 5) + 3 / 5 * np.log(3 / 5))
    inside = 3 / 5 * -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    assert v_measure(embeddings, classes, 0) == pytest.approx(1 - inside / h)
    assert v_measure(embeddings, np.array([0.0, 0, 0, 1, 1]), 0) == pytest.approx(1)
    assert v_measure(embeddings, np.zeros(5), 0) == 1
    assert v_measure(np.ones((5, 2), np.float32), classes, 0) == 0


def test_the_value_of_an_item_is_that_of_its_set(tmp_path: Path) -> None:
    task = made(written(tmp_path), sets=12)
    data = task.load(Embedded())
    assert isinstance(data, ClusteredSet)
    counts = np.bincount(data.number)
    assert len(counts) == 12
    assert counts.max() - counts.min() <= 1
    embeddings = torch.randn(200, 4, generator=torch.manual_seed(0)) + torch.tensor(data.gold)[:, None].float()
    values = task.measure(data, embeddings)
    for number in range(12):
        inside = data.number == number
        model = MiniBatchKMeans(3, batch_size=500, n_init="auto", random_state=42)
        clusters = model.fit(embeddings.numpy()[inside]).labels_
        expected = homogeneity_completeness_v_measure(data.gold[inside], clusters)[2]
        assert values[inside].tolist() == pytest.approx([expected] * counts[number])
    assert task.score(data, values, np.ones(200, bool)) == pytest.approx(100 * values.mean(dtype=float))


def test_it_is_mtebs_evaluator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = pytest.importorskip("mteb._evaluators.clustering_evaluator")
    data = made(written(tmp_path), sets=10).load(Embedded())
    random = np.random.default_rng(0)
    embeddings = (random.normal(size=(200, 6)) + data.gold[:, None]).astype(np.float32)
    monkeypatch.setattr(module, "create_dataloader", lambda *_, **__: None)
    evaluator = module.ClusteringEvaluator(
        {"label": data.gold.tolist()},
        input_column_name="text",
        label_column_name="label",
        task_metadata=None,
        hf_split="",
        hf_subset="",
        timer=lambda *_, **__: nullcontext(),
    )
    clusters = evaluator(SimpleNamespace(encode=lambda *_, **__: embeddings), encode_kwargs={})
    expected = homogeneity_completeness_v_measure(data.gold, clusters)[2]
    assert v_measure(embeddings, data.gold, evaluator.seed) == pytest.approx(expected)
    assert evaluator.seed == OwnClustering.model_fields["seed"].default


def test_a_set_is_one_cluster_of_items_and_hangs_together(tmp_path: Path) -> None:
    task = made(written(tmp_path), sets=10)
    data = task.load(Embedded())
    assert isinstance(data, ClusteredSet)
    panel = panel_of(Loaded(task, data, np.ones(200, bool)))
    assert panel.sentences is not None
    for number in range(10):
        inside = data.number == number
        assert len(set(panel.cluster[inside].tolist())) == 1
        assert len(set(panel.sentences[inside, 0].tolist())) == 1
    assert len(set(panel.cluster.tolist())) == 10
    # A text is seen as such, whatever its set.
    assert data.unseen(frozenset({("text7", "text7")})).sum() == 199
    other = made(written(tmp_path, 201), sets=10)
    theirs = panel_of(Loaded(other, other.load(Embedded()), np.ones(201, bool)))
    assert not set(panel.cluster.tolist()) & set(theirs.cluster.tolist())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"sets": 30}, "200 texts of 3 classes are too few for 30 sets, which need 270; lower sets to 22"),
        ({"classes": 9}, "200 texts of 9 classes are too few for 20 sets, which need 540; add texts, or join classes"),
    ],
)
def test_too_few_texts(tmp_path: Path, given: dict[str, int], told: str) -> None:
    path = written(tmp_path, classes=given.pop("classes", 3))
    with pytest.raises(DataError) as refused:
        made(path, **given).load(Embedded())
    assert str(refused.value) == f"{path}: {told}"


def test_embeddings_that_are_not_finite_have_no_score(tmp_path: Path) -> None:
    task = made(written(tmp_path))
    with pytest.raises(Undefined, match="not finite"):
        task.measure(task.load(Embedded()), torch.full((200, 2), torch.nan))


def test_a_part_is_clustered_alone(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text("text,label\n" + "".join(f"text {i},{'ab'[i % 2]}\n" for i in range(400)))
    parts = []
    for split in ("dev", "test"):
        given: dict[str, Any] = {"kind": "clustering", "file": path, "split": split, "sets": 10}
        given["part"] = {"shares": {"dev": 0.4, "test": 0.6}}
        parts.append(own_task("mine", given)(**given).load(Embedded()))
    dev, test = parts
    assert (len(dev), len(test)) == (160, 240)
    assert set(dev.texts).isdisjoint(test.texts)
