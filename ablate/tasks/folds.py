"""SentEval's protocols (Conneau and Kiela 2018): what is fitted and judged, and how the L2 strength is chosen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ablate.errors import Undefined
from ablate.tasks.solver import STRENGTHS, Classes, Examples, Features, Solver

SEED = 1111
"""The seed of every shuffle, as in SentEval."""


def nested(examples: Examples, folds: int, solver: Solver) -> Classes:
    """Predicts each fold from the other folds, and chooses the strength on folds of those: MR, CR, SUBJ, MPQA.

    Returns:
        int64 [n], the predicted classes.

    Raises:
        Undefined: a class has fewer examples than there are folds, among all examples or outside of one fold.
    """
    predicted = np.empty_like(examples.classes)
    for inside, outside in _stratified(examples, folds):
        predicted[outside] = cross_validated(examples[inside], examples.features[outside], folds, solver)
    return predicted


def cross_validated(train: Examples, features: Features, folds: int, solver: Solver) -> Classes:
    """Chooses the strength on folds of ``train``, and then fits on all of it: TREC, MRPC.

    Returns:
        int64 [len(features)], the predicted classes.

    Raises:
        Undefined: a class has fewer examples than there are folds.
    """
    accuracies = []
    for inside, outside in _stratified(train, folds):
        held = train[outside]
        guesses = solver.predict(train[inside], held, STRENGTHS, held.features)
        accuracies.append([_accuracy(guess, held.classes) for guess in guesses])
    return solver.predict(train, None, [_best(np.mean(accuracies, axis=0))], features)[0]


def with_dev(train: Examples, dev: Examples, features: Features, solver: Solver) -> Classes:
    """Chooses the strength, and when to stop, on a dev set: SST2.

    Returns:
        int64 [len(features)], the predicted classes.
    """
    both = np.concatenate([dev.features, features])
    guesses = solver.predict(train, dev, STRENGTHS, both)
    accuracies = np.array([_accuracy(guess[: len(dev)], dev.classes) for guess in guesses])
    return guesses[STRENGTHS.index(_best(accuracies))][len(dev) :]


def _stratified(examples: Examples, folds: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    from sklearn.model_selection import StratifiedKFold

    classes, counts = np.unique(examples.classes, return_counts=True)
    if len(classes) < 2 or counts.min() < folds:
        held = ", ".join(f"{count} of class {label}" for label, count in zip(classes, counts, strict=True))
        raise Undefined(
            f"{folds} folds need two classes with at least {folds} texts each, and there are {held or 'none'}"
        )
    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=SEED)
    return iter(splitter.split(np.zeros(len(examples)), examples.classes))


def _accuracy(guess: Classes, classes: Classes) -> float:
    return float(np.mean(guess == classes))


def _best(accuracies: NDArray[np.float64]) -> float:
    """The strength with the highest accuracy; of equal ones the weakest."""
    # SentEval rounds to a hundredth of a point before it compares, which decides between nearly equal strengths.
    return STRENGTHS[int(np.argmax(np.round(100 * accuracies, 2)))]
