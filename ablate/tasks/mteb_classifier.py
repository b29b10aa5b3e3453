"""Which items a linear classifier gets right in MTEB's classification: few texts of each class, several times.

MTEB: Massive Text Embedding Benchmark (Muennighoff et al. 2023); ``AbsTaskClassification`` of mteb 2 decides.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from ablate.tasks.solver import Classes, Examples, Features

ITERATIONS = 100
"""Of logistic regression, as in MTEB, where it may stop short of the optimum."""


def samples(classes: Classes, experiments: int, per_class: int, seed: int) -> list[NDArray[np.int64]]:
    """The examples to fit on in each experiment: the first ``per_class`` of each class in a shuffled order.

    MTEB shuffles with the same seed in each experiment, and what it shuffles is the order of the last one.
    """
    order = np.arange(len(classes))
    found = []
    for _ in range(experiments):
        order = order[_shuffled(len(order), seed)]
        # How many of the same class come before, in this order.
        ranked = np.argsort(classes[order], kind="stable")
        starts = np.r_[0, np.cumsum(np.bincount(classes))]
        before = np.empty(len(order), np.int64)
        before[ranked] = np.arange(len(order)) - starts[classes[order][ranked]]
        found.append(order[before < per_class])
    return found


def share_right(train: Examples, judged: Examples, experiments: int, per_class: int, seed: int) -> NDArray[np.float32]:
    """The share of the experiments in which each judged item's class is predicted, float32 [n]."""
    found = np.zeros(len(judged))
    for chosen in samples(train.classes, experiments, per_class, seed):
        found += _predicted(train[chosen], judged.features, seed) == judged.classes
    return (found / experiments).astype(np.float32)


def _predicted(train: Examples, features: Features, seed: int) -> Classes:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=ITERATIONS, random_state=seed)
    with warnings.catch_warnings():
        # To stop after these many iterations belongs to the protocol.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train.features, train.classes)
    predicted: Classes = model.predict(features)
    return predicted


def _shuffled(n: int, seed: int) -> NDArray[np.int64]:
    order = np.arange(n)
    np.random.RandomState(seed).shuffle(order)
    return order
