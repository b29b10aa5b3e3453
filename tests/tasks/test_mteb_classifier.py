"""MTEB's classification on the same embeddings: its samples, its predictions, and its accuracy."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ablate.tasks.mteb_classifier import samples, share_right
from ablate.tasks.solver import Examples


def examples(n: int, seed: int, classes: int = 4) -> Examples:
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=n)
    return Examples((random.normal(size=(n, 6)) + 0.7 * labels[:, None]).astype(np.float32), labels)


def by_the_book(labels: list[int], experiments: int, per_class: int, seed: int) -> list[list[int]]:
    """As AbsTaskClassification of mteb describes it: shuffle what the last experiment left, take the first ones."""
    order, found = list(range(len(labels))), []
    for _ in range(experiments):
        np.random.RandomState(seed).shuffle(order)
        taken: Counter[int] = Counter()
        chosen = []
        for i in order:
            if taken[labels[i]] < per_class:
                chosen.append(i)
                taken[labels[i]] += 1
        found.append(chosen)
    return found


@pytest.mark.parametrize(("n", "per_class"), [(150, 8), (20, 8), (150, 1)])
def test_samples(n: int, per_class: int) -> None:
    labels = examples(n, 0).classes
    found = [chosen.tolist() for chosen in samples(labels, 10, per_class, 42)]
    assert found == by_the_book(labels.tolist(), 10, per_class, 42)
    assert len({tuple(chosen) for chosen in found}) == 10


def test_the_share_of_experiments() -> None:
    train, judged = examples(200, 1), examples(80, 2)
    right = []
    for chosen in by_the_book(train.classes.tolist(), 10, 8, 42):
        model = LogisticRegression(max_iter=100, random_state=42)
        model.fit(train.features[chosen], train.classes[chosen])
        right.append(model.predict(judged.features) == judged.classes)
    values = share_right(train, judged, 10, 8, 42)
    np.testing.assert_allclose(values, np.mean(right, axis=0), atol=1e-7)
    assert len(set(values.tolist())) > 2


def test_it_is_mtebs_task(monkeypatch: pytest.MonkeyPatch) -> None:
    module = pytest.importorskip("mteb.abstasks.classification")
    datasets = pytest.importorskip("datasets")
    train, judged = examples(200, 1), examples(80, 2)
    parts = {"train": train, "test": judged}
    rows = datasets.DatasetDict(
        {
            name: datasets.Dataset.from_dict({"text": [f"{name} {i}" for i in range(len(part))], "label": part.classes})
            for name, part in parts.items()
        }
    )
    monkeypatch.setattr(module, "create_dataloader", lambda data, **_: data)
    monkeypatch.setattr(module, "EncoderProtocol", object)

    def encode(data: Any, *, hf_split: str, **_: Any) -> Any:
        return parts[hf_split].features[[int(text.split()[1]) for text in data["text"]]]

    base: Any = module.AbsTaskClassification

    class Task(base):  # type: ignore[misc]
        metadata = SimpleNamespace(name="x", modalities=["text"])

        def __init__(self) -> None:
            self.seed = 42

        def calculate_descriptive_statistics(self) -> None: ...

    task = Task()
    scores = task._evaluate_subset(
        SimpleNamespace(encode=encode),
        rows,
        hf_split="test",
        hf_subset="default",
        encode_kwargs={},
        timer=lambda *_, **__: nullcontext(),
    )
    values = share_right(train, judged, task.n_experiments, task.samples_per_label, task.seed)
    assert float(values.mean()) == pytest.approx(scores["accuracy"], abs=1e-7)
    assert 0.3 < scores["accuracy"] < 0.95
