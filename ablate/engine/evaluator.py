"""A masked model on tasks: each distinct sentence is encoded once, then every task gives one value per pair."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ablate.errors import AblateError, PluginError, Undefined
from ablate.models.encode import Prepared, encode, prepare
from ablate.models.masked import masked
from ablate.models.materialize import CLOSE, largest_difference, loses_units, materialized
from ablate.models.model import Model
from ablate.tasks.loaded import Loaded
from ablate.tasks.result import Result

_TRIED = 16
"""Sentences that the smaller model is tried on."""


@dataclass
class Evaluator:
    """Evaluates masks of one model; tokenizes once for each set of tasks."""

    model: Model
    _prepared: dict[tuple[str, ...], tuple[dict[str, int], Prepared]] = field(default_factory=dict)

    def prepared(self, tasks: Sequence[Loaded]) -> tuple[dict[str, int], Prepared]:
        """The distinct sentences of all the tasks (sentence -> position), tokenized and batched."""
        # By hash and not by name: one process may get data of one name from several sources.
        hashes = tuple(task.data.hash for task in tasks)
        if hashes not in self._prepared:
            sentences = list(dict.fromkeys(s for task in tasks for s in task.data.sentences))
            positions = {sentence: i for i, sentence in enumerate(sentences)}
            self._prepared[hashes] = positions, prepare(self.model, sentences)
        return self._prepared[hashes]

    def evaluate(self, keep: Mapping[str, torch.Tensor], tasks: Sequence[Loaded]) -> dict[str, Result]:
        """The result on each task (by name) of the model without what ``keep`` removes; dense where it is empty."""
        embedded = self.embed(keep, tasks)
        return {task.name: embedded.measure(task) for task in tasks}

    def embed(
        self, keep: Mapping[str, torch.Tensor], tasks: Sequence[Loaded], *, materialize: bool = False
    ) -> Embedded:
        """Encodes the sentences of ``tasks`` with the model without what ``keep`` removes.

        Args:
            materialize: if whole heads or neurons go, encode with the smaller model, once it has given the masked one's
                embeddings of a few sentences.

        Raises:
            AblateError: the smaller model gives other embeddings than the masked one.
            ModelError: another thread has the model, under a mask or with other weights.
        """
        start = time.perf_counter()
        positions, prepared = self.prepared(tasks)
        smaller = materialize and loses_units(self.model, keep)
        if smaller:
            self._check_parity(keep, list(positions)[:_TRIED])
        with materialized(self.model, keep) if smaller else masked(self.model, keep):
            embeddings = encode(self.model, prepared)
        total = sum(len(task.data.sentences) for task in tasks)
        return Embedded(embeddings, positions, (time.perf_counter() - start) / max(total, 1))

    def _check_parity(self, keep: Mapping[str, torch.Tensor], sentences: Sequence[str]) -> None:
        prepared = prepare(self.model, sentences)
        with masked(self.model, keep):
            of_masked = encode(self.model, prepared)
        with materialized(self.model, keep):
            of_smaller = encode(self.model, prepared)
        difference = largest_difference(of_masked, of_smaller)
        if not difference <= CLOSE:
            raise AblateError(
                f"the smaller model's embeddings differ from the masked model's by {difference:.1e}, more than "
                f"{CLOSE:g}; set evaluate.materialize to false"
            )


@dataclass(frozen=True)
class Embedded:
    """The embeddings of all sentences of some tasks.

    embeddings: float32 [sentences, dim]. positions: sentence -> row. seconds: spent on each sentence of a task.
    """

    embeddings: torch.Tensor
    positions: Mapping[str, int]
    seconds: float

    def measure(self, loaded: Loaded) -> Result:
        """A task's result.

        Raises:
            PluginError: the task does not give one float32 per pair.
            Exception: whatever a plug-in's task raises.
        """
        sentences = loaded.data.sentences
        seconds = self.seconds * len(sentences)
        about = {"task": loaded.name, "source": loaded.data.source}
        start = time.perf_counter()
        try:
            values = loaded.task.measure(loaded.data, self.embeddings[[self.positions[s] for s in sentences]])
        except Undefined as reason:
            return Result("undefined", str(reason), None, None, seconds, about)
        seconds += time.perf_counter() - start
        if not isinstance(values, np.ndarray) or values.dtype != np.float32:
            what = getattr(values, "dtype", None)
            raise PluginError(f"task '{loaded.name}' gave a {type(values).__name__} of {what}, not an array of float32")
        if values.shape != (len(loaded.data),):
            raise PluginError(f"task '{loaded.name}' gave {list(values.shape)} values for {len(loaded.data)} items")
        if not np.isfinite(values).all():
            return Result("undefined", "the model's embeddings are not finite", None, None, seconds, about)
        try:
            score = loaded.task.score(loaded.data, values, np.ones(len(values), bool))
        except Undefined as reason:
            return Result("undefined", str(reason), None, values, seconds, about)
        return Result("ok", None, score, values, seconds, about)
