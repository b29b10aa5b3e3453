"""SentEval's protocols (Conneau and Kiela 2018): who learns from whom, and how the strength is chosen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ablate.errors import Undefined
from ablate.tasks.solver import STRENGTHS, Classes, Examples, Features, Solver

SEED = 1111
"""SentEval's, of every shuffle."""


def nested(everything: Examples, folds: int, solver: Solver) -> Classes:
    """Each fold is judged by what the others teach, and folds of these choose the strength: MR, CR, SUBJ, MPQA.

    Returns:
        int64 [n], the predicted classes.

    Raises:
        Undefined: a class has fewer examples than there are folds, within folds.
    """
    predicted = np.empty_like(everything.classes)
    for inside, outside in _stratified(everything, folds):
        predicted[outside] = cross_validated(everything[inside], everything.features[outside], folds, solver)
    return predicted


def cross_validated(train: Examples, features: Features, folds: int, solver: Solver) -> Classes:
    """Folds of ``train`` choose the strength, all of it teaches: TREC, MRPC.

    Returns:
        int64 [len(features)], the predicted classes.

    Raises:
        Undefined: a class has fewer examples than there are folds.
    """
    right = []
    for inside, outside in _stratified(train, folds):
        held = train[outside]
        guesses = solver.predict(train[inside], held, STRENGTHS, held.features)
        right.append([_accuracy(guess, held.classes) for guess in guesses])
    return solver.predict(train, None, [_best(np.mean(right, axis=0))], features)[0]


def with_dev(train: Examples, dev: Examples, features: Features, solver: Solver) -> Classes:
    """A dev set chooses the strength, and tells when to stop: SST2.

    Returns:
        int64 [len(features)], the predicted classes.
    """
    both = np.concatenate([dev.features, features])
    guesses = solver.predict(train, dev, STRENGTHS, both)
    right = np.array([_accuracy(guess[: len(dev)], dev.classes) for guess in guesses])
    return guesses[STRENGTHS.index(_best(right))][len(dev) :]


def _stratified(examples: Examples, folds: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    from sklearn.model_selection import StratifiedKFold

    classes, counts = np.unique(examples.classes, return_counts=True)
    if len(classes) < 2 or counts.min() < folds:
        held = ", ".join(f"{count} of class {label}" for label, count in zip(classes, counts, strict=True))
        raise Undefined(f"{folds} folds need as many texts of two classes at least, and there are {held or 'none'}")
    cutter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=SEED)
    return iter(cutter.split(np.zeros(len(examples)), examples.classes))


def _accuracy(guess: Classes, classes: Classes) -> float:
    return float(np.mean(guess == classes))


def _best(right: NDArray[np.float64]) -> float:
    """The weakest of the strengths that are best, to a hundredth of a point, as SentEval rounds."""
    return STRENGTHS[int(np.argmax(np.round(100 * right, 2)))]
