"""The score by which the best checkpoint is chosen: the mean over the screen tasks."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator

from ablate.data.texts import Texts
from ablate.engine.evaluator import Embeddings
from ablate.errors import AblateError
from ablate.models.device import label
from ablate.models.model import Encoding
from ablate.tasks.loaded import Loaded

BATCH = 64
"""Sentences that are encoded together."""


class DevEvaluator(SentenceEvaluator):
    """Scores a model during training, under the conditions of its later evaluation: no head, full maximum length.

    Args:
        plain: the modules of the model, without the head. They share their weights with the model that is trained.
        encoding: that of the evaluation.
        tasks: with their data. The score is the mean of their scores, negated where lower is better.
    """

    def __init__(self, plain: SentenceTransformer, encoding: Encoding, tasks: Sequence[Loaded]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._plain, self._encoding, self._tasks = plain, encoding, tasks
        self._texts = Texts.of((task.data for task in tasks), bool(encoding.roles))

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        training, length = model.training, self._plain.max_seq_length
        # The trainer has the model in training mode, with dropout, and with the shorter sentences of the training.
        try:
            model.eval()
            self._plain.max_seq_length = self._encoding.max_length
            embeddings = self._embeddings()
        finally:
            self._plain.max_seq_length = length
            model.train(training)
        embedded = Embeddings(embeddings, self._texts, 0.0, label(self._plain.device))
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

    def _embeddings(self) -> torch.Tensor:
        """float32 [texts, dim], on the CPU; each text with the prompt of its role."""
        sentences, roles = self._texts.sentences, self._texts.roles or (None,) * len(self._texts)
        prompts = dict(self._encoding.roles)
        made: dict[int, torch.Tensor] = {}
        for role in dict.fromkeys(roles):
            rows = [row for row, of_text in enumerate(roles) if of_text == role]
            # A text without a role gets the default prompt of the modules, which is that of the evaluation.
            prompt = None if role is None else prompts[role]
            texts = [sentences[row] for row in rows]
            encoded = self._plain.encode(texts, prompt=prompt, batch_size=BATCH, convert_to_tensor=True)
            made |= zip(rows, torch.as_tensor(encoded).float().cpu(), strict=True)
        return torch.stack([made[row] for row in range(len(roles))])
