"""The score by which the best checkpoint is chosen: the mean over the screen tasks."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator

from ablate.engine.evaluator import Embeddings
from ablate.errors import AblateError
from ablate.models.device import label
from ablate.tasks.loaded import Loaded

BATCH = 64
"""Sentences that are encoded together."""


class DevEvaluator(SentenceEvaluator):
    """Scores a model during training, under the conditions of its later evaluation: no head, full maximum length.

    Args:
        plain: the modules of the model, without the head. They share their weights with the model that is trained.
        max_length: tokens of a sentence during evaluation.
        tasks: with their data. The score is the mean of their scores, negated where lower is better.
    """

    def __init__(self, plain: SentenceTransformer, max_length: int, tasks: Sequence[Loaded]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._plain, self._max_length, self._tasks = plain, max_length, tasks
        self._sentences = list(dict.fromkeys(s for task in tasks for s in task.data.sentences))

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        training, length = model.training, self._plain.max_seq_length
        # The trainer has the model in training mode, with dropout, and with the shorter sentences of the training.
        try:
            model.eval()
            self._plain.max_seq_length = self._max_length
            embeddings = self._plain.encode(self._sentences, batch_size=BATCH, convert_to_tensor=True)
        finally:
            self._plain.max_seq_length = length
            model.train(training)
        positions = {sentence: i for i, sentence in enumerate(self._sentences)}
        embedded = Embeddings(torch.as_tensor(embeddings).float().cpu(), positions, 0.0, label(self._plain.device))
        scores = []
        for task in self._tasks:
            result = embedded.measure(task)
            if result.score is None:
                raise AblateError(
                    f"after {steps} training steps the model has no score on {task.name} ({result.reason}); "
                    "lower train.learning_rate or the sparsity"
                )
            scores.append(result.score if task.task.higher_is_better else -result.score)
        return {"dev": fmean(scores)}
