"""The features that a classifier sees."""

from __future__ import annotations

import numpy as np
import torch

from ablate.data.classes import ClassSet
from ablate.data.items import ItemSet
from ablate.tasks.probe import examples


def test_features_of_a_pair() -> None:
    left, right = tuple(f"a {i}" for i in range(40)), tuple(f"b {i}" for i in range(40))
    gold = (np.arange(40) % 2).astype(float)
    texts = tuple(zip(left, right, strict=True))
    train = ItemSet("mrpc", "train", "", texts, gold, ("",) * 40)
    data = ClassSet("mrpc", "test", "", texts[:6], gold[:6], ("",) * 6, train=train)
    rows = {s: i for i, s in enumerate(data.sentences)}
    embeddings = torch.randn(len(rows), 3, generator=torch.manual_seed(0))
    got = examples(train, rows, embeddings, 2).features
    u, v = (np.stack([embeddings[rows[s]].numpy() for s in side]) for side in (left, right))
    np.testing.assert_array_equal(got, np.concatenate([abs(u - v), u * v], 1))
