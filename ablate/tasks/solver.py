"""Logistic regression on frozen embeddings: to the optimum, or by SentEval's stochastic descent with early stopping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, pad

Features = NDArray[np.float32]
Classes = NDArray[np.int64]

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2)
"""The L2 strengths λ that SentEval tries, weakest first: the loss is the mean cross-entropy + λ/2 · ‖W‖²."""


@dataclass(frozen=True)
class Examples:
    """Labeled examples. features: float32 [n, dim]. classes: int64 [n], from 0."""

    features: Features
    classes: Classes

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, rows: NDArray[np.int64]) -> Examples:
        return Examples(self.features[rows], self.classes[rows])


class Solver(Protocol):
    """Fits a classifier for each strength."""

    def predict(
        self, train: Examples, stop: Examples | None, strengths: Sequence[float], features: Features
    ) -> list[Classes]:
        """The predicted classes of ``features``, by one classifier for each strength.

        Args:
            train: the examples to fit on, of at least two classes.
            stop: the examples that decide when to stop; None: 5 % of ``train``, which is then not fitted on. A solver
                that goes to the optimum ignores them.
        """
        ...


@dataclass(frozen=True)
class Exact:
    """SentEval's loss, minimized by L-BFGS (scikit-learn): deterministic. The bias carries no penalty."""

    def predict(
        self,
        train: Examples,
        stop: Examples | None,  # noqa: ARG002
        strengths: Sequence[float],
        features: Features,
    ) -> list[Classes]:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(max_iter=2000, warm_start=True)
        # For two classes scikit-learn has one column of weights, the difference of SentEval's two columns. Half of
        # SentEval's penalty, so twice C, then gives the same loss.
        scale = 2 if len(np.unique(train.classes)) == 2 else 1
        predicted = {}
        # Strongest first: the first optimum is near 0, and each further one is near the one before (`warm_start`).
        for strength in sorted(strengths, reverse=True):
            model.set_params(C=scale / (strength * len(train)))
            model.fit(train.features, train.classes)
            predicted[strength] = model.predict(features).astype(np.int64)
        return [predicted[strength] for strength in strengths]


@dataclass(frozen=True)
class Stochastic:
    """SentEval's classifier (Conneau and Kiela 2018): mini-batches, until the accuracy on ``stop`` stalls.

    One call trains the classifiers of all strengths side by side, from the same start and on the same batches. SentEval
    trains them one after the other. The penalty includes the bias, as in SentEval.

    optimizer: Adam or RMSprop, with torch's default settings.
    batch: examples in a step.
    tenacity: the training ends with the first round without a gain after this many such rounds.
    epochs: passes over ``train`` in a round, after which the accuracy on ``stop`` is computed.
    """

    optimizer: type[torch.optim.Adam] | type[torch.optim.RMSprop]
    batch: int
    tenacity: int
    epochs: int
    seed: int = 1111
    max_epochs: int = 200

    def predict(
        self, train: Examples, stop: Examples | None, strengths: Sequence[float], features: Features
    ) -> list[Classes]:
        generator = torch.Generator().manual_seed(self.seed)
        if stop is None:
            order = torch.randperm(len(train), generator=generator).numpy()
            held = max(1, int(0.05 * len(train)))
            train, stop = train[order[held:]], train[order[:held]]
        weights = self._fit(train, stop, torch.tensor(strengths), generator)
        return list(_logits(_extended(features), weights).argmax(2).numpy())

    def _fit(
        self, train: Examples, stop: Examples, strengths: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """float32 [strengths, classes, dim + 1]: for each strength, the weights with the best accuracy on ``stop``."""
        x, y = _extended(train.features), torch.from_numpy(train.classes)
        stop_x, stop_y = _extended(stop.features), torch.from_numpy(stop.classes)
        count, dim = int(max(y.max(), stop_y.max())) + 1, x.shape[1]
        # The range in which torch initializes a linear layer.
        bound = (dim - 1) ** -0.5
        start = torch.empty(count, dim).uniform_(-bound, bound, generator=generator)
        weights = start.repeat(len(strengths), 1, 1).requires_grad_()
        optimizer = self.optimizer([weights])
        best, most = weights.detach().clone(), torch.full((len(strengths),), -1.0)
        stalled = torch.zeros(len(strengths), dtype=torch.int64)
        going = torch.ones(len(strengths), dtype=torch.bool)
        epoch = 0
        # A strength that has stopped keeps its best weights, and is computed further only for the sake of the others.
        while going.any() and epoch <= self.max_epochs:
            for _ in range(self.epochs):
                order = torch.randperm(len(x), generator=generator)
                for at in range(0, len(x), self.batch):
                    rows = order[at : at + self.batch]
                    loss = _loss(weights, strengths, x[rows], y[rows])
                    (weights.grad,) = torch.autograd.grad(loss, [weights])
                    optimizer.step()
            epoch += self.epochs
            right = (_logits(stop_x, weights.detach()).argmax(2) == stop_y).float().mean(1)
            better = going & (right > most)
            best[better], most[better] = weights.detach()[better], right[better]
            worse = going & ~better
            going &= ~(worse & (stalled >= self.tenacity))
            stalled += worse  # never reset, as in SentEval
        return best


def _extended(features: Features) -> torch.Tensor:
    """The features with a column of ones, whose weight is the bias."""
    return pad(torch.from_numpy(features), (0, 1), value=1.0)


def _logits(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The logits, [strengths, n, classes]."""
    return (x @ weights.flatten(0, 1).T).view(len(x), *weights.shape[:2]).transpose(0, 1)


def _loss(weights: torch.Tensor, strengths: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The sum of the losses of all strengths. Their weights are separate, so each gets the gradient of its own loss."""
    logits = _logits(x, weights).flatten(0, 1)
    penalty = (strengths / 2 * weights.square().sum((1, 2))).sum()
    return cross_entropy(logits, y.repeat(len(strengths)), reduction="sum") / len(y) + penalty
