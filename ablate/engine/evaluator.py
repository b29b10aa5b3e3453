"""Evaluates a masked model on tasks: each distinct text is encoded once, and each task measures its items."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ablate.data.items import ItemSet, Role
from ablate.data.texts import Texts
from ablate.engine.lower_layers import DENSE, LowerLayers
from ablate.errors import PluginError, Undefined, message
from ablate.models.device import label
from ablate.models.encode import Prepared, prepare
from ablate.models.model import Model
from ablate.models.precision import in_precision
from ablate.models.spec import Precision
from ablate.models.weights import Weights, weighted
from ablate.tasks.base import WholeTask
from ablate.tasks.loaded import Loaded
from ablate.tasks.result import Result


@dataclass
class Evaluator:
    """Evaluates masks of one model.

    It tokenizes once for each set of tasks, and computes layers below the first changed one once. So the weights of the
    model must not be changed, except inside ``embed``.
    """

    model: Model
    _prepared: dict[tuple[tuple[str, tuple[Role, ...]], ...], tuple[Texts, Prepared]] = field(default_factory=dict)
    _lower: LowerLayers | None = None

    def prepared(self, tasks: Sequence[Loaded]) -> tuple[Texts, Prepared]:
        """The distinct texts of all the tasks, tokenized and batched, each with the prompt of its role."""
        by_role = bool(self.model.readers)
        # By hash, because one process may get data of the same name from several sources.
        # Each once, because a task may be measured at several dimensions.
        sets = tuple(dict.fromkeys((task.data.hash, task.data.roles if by_role else ()) for task in tasks))
        if sets not in self._prepared:
            texts = Texts.of((task.data for task in tasks), by_role)
            self._prepared[sets] = texts, prepare(self.model, texts.sentences, roles=texts.roles)
        return self._prepared[sets]

    def evaluate(self, keep: Mapping[str, torch.Tensor], tasks: Sequence[Loaded]) -> dict[str, Result]:
        """The result on each task, by name, of the model without what ``keep`` removes; of dense if that is empty."""
        embedded = self.embed(keep, tasks)
        return {task.name: embedded.measure(task) for task in tasks}

    def embed(
        self,
        keep: Mapping[str, torch.Tensor],
        tasks: Sequence[Loaded],
        precision: Precision = "float32",
        weights: Weights | None = None,
        base: Mapping[str, torch.Tensor] = DENSE,
    ) -> Embeddings:
        """Encodes the sentences of ``tasks`` with the model without what ``keep`` removes.

        Args:
            precision: in which the model runs. Embeddings are float32.
            weights: in place of the model's own.
            base: what the model keeps from which one mask after another differs little, the same object each time;
                lower layers are computed once under it.

        Raises:
            ModelError: another thread has the model, under a mask or with other weights.
            DeviceFull: the memory of the device is too small for one sentence.
        """
        start = time.perf_counter()
        texts, prepared = self.prepared(tasks)
        with weighted(self.model, weights), in_precision(self.model, precision):
            embeddings = self._lower_layers(prepared, precision, weights is not None, base).encode(keep)
        # Each task is charged for all its sentences, also for those that it shares with other tasks.
        total = sum(len(task.data.sentences) for task in tasks)
        seconds = (time.perf_counter() - start) / max(total, 1)
        return Embeddings(embeddings, texts, seconds, label(self.model.device), self.model)

    def _lower_layers(
        self, prepared: Prepared, precision: Precision, trained: bool, base: Mapping[str, torch.Tensor]
    ) -> LowerLayers:
        """Those of the last sentences, precision and base are kept."""
        if trained:
            # Nothing is recorded, because hardly any other cell has the same weights.
            return LowerLayers(self.model, prepared, precision, room=0)
        last = self._lower
        if last is None or last.prepared is not prepared or last.precision != precision or last.base is not base:
            self._lower = last = None  # before the next, to free the memory
            self._lower = last = LowerLayers(self.model, prepared, precision, base=base)
        return last


@dataclass(frozen=True)
class Embeddings:
    """The embeddings of all texts of some tasks.

    embeddings: float32 [texts, dim], on the CPU. texts: those of the rows. seconds: time for each sentence of a task.
        device: the name of the device that computed them. model: of a masked model; None while one is trained.
    """

    embeddings: torch.Tensor
    texts: Texts
    seconds: float
    device: str
    model: Model | None = None

    def _of(self, data: ItemSet, dim: int | None) -> torch.Tensor:
        """float32 [sentences, dim]: the first ``dim`` components, or all, in the order of the set's ``sentences``."""
        chosen = self.embeddings[self.texts.rows(data)]
        # Contiguous, as whole embeddings are: a plug-in's task may view them.
        return chosen[:, :dim].contiguous()

    def measure(self, loaded: Loaded) -> Result:
        """A task's result.

        Raises:
            PluginError: the task does not give one float32 per item, or refuses the model.
            Exception: whatever a plug-in's task raises.
        """
        seconds = self.seconds * len(loaded.data.sentences)
        about = {"task": loaded.name, "source": loaded.data.source, "device": self.device}
        if self.model is not None:
            loaded.task.supports(self.model, loaded.data)
        start = time.perf_counter()
        if isinstance(loaded.task, WholeTask):
            return self._whole(loaded, loaded.task, about)
        try:
            values = loaded.task.measure(loaded.data, self._of(loaded.data, loaded.dim))
        except Undefined as reason:
            return Result("undefined", message(reason), None, None, seconds, about)
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
            return Result("undefined", message(reason), None, values, seconds, about)
        return Result("ok", None, score, values, seconds, about)

    def _whole(self, loaded: Loaded, task: WholeTask, about: dict[str, str]) -> Result:
        """The result on a task without values."""
        start = time.perf_counter()
        try:
            score = task.whole(loaded.data, self._of(loaded.data, loaded.dim))
        except Undefined as reason:
            return Result("undefined", message(reason), None, None, 0.0, about)
        seconds = self.seconds * len(loaded.data.sentences) + time.perf_counter() - start
        return Result("ok", None, score, None, seconds, about)
