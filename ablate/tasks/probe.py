"""Which items a linear classifier on frozen embeddings gets right, by SentEval's protocols."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.data.classes import ClassSet
from ablate.data.items import ItemSet
from ablate.tasks.folds import cross_validated, nested, with_dev
from ablate.tasks.solver import Exact, Examples, Solver, Stochastic


def senteval(
    protocol: Literal["prototyping", "full"], solver: Literal["sklearn", "senteval"], seed: int
) -> tuple[int, Solver]:
    """The number of folds and the solver of a protocol of SentEval."""
    folds = 10 if protocol == "full" else 5
    if solver == "sklearn":
        return folds, Exact()
    if protocol == "full":
        return folds, Stochastic(torch.optim.Adam, 64, 5, 4, seed)
    return folds, Stochastic(torch.optim.RMSprop, 128, 3, 2, seed)


def right(data: ClassSet, embeddings: Tensor, texts: int, folds: int, solver: Solver) -> NDArray[np.float32]:
    """1 for each judged item whose class is predicted, else 0; float32 [n].

    Args:
        embeddings: float32 [sentences, dim], in the order of ``data.sentences``.
        texts: how many an item has, 1 or 2.

    Raises:
        Undefined: a class has too few items for the folds.
        DataError: the items have another number of texts.
    """
    rows = {sentence: i for i, sentence in enumerate(data.sentences)}
    judged = examples(data, rows, embeddings, texts)
    order = _by_length(data)
    guessed = np.empty_like(judged.classes)
    guessed[order] = _guess(data, rows, embeddings, judged[order], texts, folds, solver)
    found: NDArray[np.float32] = (guessed == judged.classes).astype(np.float32)
    return found


def examples(part: ItemSet, rows: dict[str, int], embeddings: Tensor, texts: int) -> Examples:
    """The features and classes of items. The features of a text are its embedding u; those of a pair are ``|u - v|``
    and ``u * v``.

    Args:
        rows: of each sentence in ``embeddings``.
    """
    u, *second = (embeddings[[rows[text] for text in column]] for column in part.columns(texts))
    features = torch.cat([(u - second[0]).abs(), u * second[0]], 1) if second else u
    return Examples(np.ascontiguousarray(features.numpy(), np.float32), part.gold.astype(np.int64))


def _guess(
    data: ClassSet,
    rows: dict[str, int],
    embeddings: Tensor,
    judged: Examples,
    texts: int,
    folds: int,
    solver: Solver,
) -> NDArray[np.int64]:
    if data.train is None:
        return nested(judged, folds, solver)
    train = examples(data.train, rows, embeddings, texts)[_by_length(data.train)]
    if data.dev is None:
        return cross_validated(train, judged.features, folds, solver)
    return with_dev(train, examples(data.dev, rows, embeddings, texts), judged.features, solver)


def _by_length(part: ItemSet) -> NDArray[np.int64]:
    """SentEval's order, shortest first, then by class: the folds follow from it."""
    lengths = np.array([[len(text.split()) for text in texts] for texts in part.texts]).T
    return np.lexsort((part.gold, *reversed(lengths)))
