"""Trains a model by SimCSE's objective under a mask, with the trainer of sentence-transformers."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import Transformer
from torch import Tensor, nn
from transformers import PrinterCallback, TrainerCallback, TrainerState

from ablate.errors import AblateError, ModelError, StoreError
from ablate.events import Event, Watch
from ablate.granularities.base import Granularity
from ablate.granularities.units import Units
from ablate.models.model import Model
from ablate.models.quiet import quiet
from ablate.models.spec import ModelSpec
from ablate.models.whole import sentence_transformer
from ablate.plan.training_texts import COLUMNS, Texts
from ablate.recipe.schedule import cubic, steps_of
from ablate.recipe.training import Train
from ablate.tasks.loaded import Loaded
from ablate.training.checkpoints import KEPT, KeepMask, mask_of, newest
from ablate.training.dev import Dev
from ablate.training.gradual import Gradual, Prune
from ablate.training.sparse import UnderMask

_OPTIMIZERS = {"adamw": "adamw_torch", "adafactor": "adafactor", "sgd": "sgd"}


@dataclass(frozen=True)
class Fitted:
    """A trained model. weights: every parameter of the backbone, float32 on the CPU, exactly 0 where the mask removes.

    units: the mask at the end. about: ``dev`` (the best mean score on the screen tasks), ``best_step``, ``steps``,
    ``history`` (step and dev of every look) and ``seconds``.
    """

    weights: dict[str, Tensor]
    units: Units
    about: dict[str, Any]


def fit(
    model: Model,
    model_spec: ModelSpec,
    spec: Train,
    texts: Texts,
    tasks: Sequence[Loaded],
    seed: int,
    folder: Path,
    *,
    units: Units,
    granularities: Sequence[Granularity],
    prune: Prune | None = None,
    watch: Watch,
    name: str,
) -> Fitted:
    """Trains a copy of a model's backbone; the modules behind it stay as they are.

    Args:
        tasks: whose mean score tells the best checkpoint.
        folder: of checkpoints, one of this training alone; from the newest there, training goes on.
        units: the mask that is in force from the start.
        granularities: those that the mask at the end may have.
        prune: lets the mask grow, for ``gradual``.
        name: what the progress calls it.

    Raises:
        AblateError: the model has no dropout to make twins by, training diverged, or the disk is full.
    """
    start = time.perf_counter()
    with _one_line_errors(folder), _own_randomness(seed), quiet():
        whole = sentence_transformer(model_spec).requires_grad_(False)
        first = whole[0]
        assert isinstance(first, Transformer)
        backbone = copy.deepcopy(model.backbone).requires_grad_(True)
        first.model = backbone
        if not texts.supervised and not any(isinstance(m, nn.Dropout) and m.p > 0 for m in backbone.modules()):
            raise ModelError(f"model '{model.name}' has no dropout, so a sentence has no twin; train on `pairs`")
        whole.max_seq_length = min(spec.max_length, model.encoding.max_length)
        trained = SentenceTransformer(modules=[*whole, *_head(spec, whole)], device="cpu")
        checkpoint = newest(folder)
        steps = steps_of(spec, len(texts.examples))
        schedule = cubic(spec.gradual, steps) if prune is not None else {}
        mask = KeepMask(units if checkpoint is None else Units.of(mask_of(checkpoint), granularities))
        under = UnderMask(backbone, mask.units.keep(model))
        callbacks: list[TrainerCallback] = [under]
        if prune is not None:
            callbacks.append(Gradual(model, backbone, schedule, prune, under, mask))
        trainer = _Trainer(
            model=trained,
            args=_arguments(spec, seed, folder, steps, max(schedule, default=0)),
            train_dataset=_dataset(texts),
            loss=MultipleNegativesRankingLoss(trained, scale=1 / spec.temperature),
            evaluator=Dev(whole, model.encoding.max_length, tasks),
            callbacks=[*callbacks, mask, _Progress(watch, name)],
        )
        trainer.remove_callback(PrinterCallback)
        try:
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        finally:
            under.lift()
    weights = {name: p.detach().cpu().float().contiguous() for name, p in backbone.named_parameters()}
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise AblateError("training diverged: weights are not finite; lower train.learning_rate")
    history = [(log["step"], log["eval_dev"]) for log in trainer.state.log_history if "eval_dev" in log]
    assert trainer.state.best_model_checkpoint is not None
    about = {
        "dev": trainer.state.best_metric,
        "best_step": int(trainer.state.best_model_checkpoint.rpartition("-")[2]),
        "steps": trainer.state.global_step,
        "history": history,
        "seconds": time.perf_counter() - start,
    }
    return Fitted(weights, mask.units, about)


class _Trainer(SentenceTransformerTrainer):
    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """None: export writes a card of its own."""

    def _load_best_model(self) -> None:
        # The library's own only logs that it failed, and goes on with the last weights.
        assert self.state.best_model_checkpoint is not None
        self._load_from_checkpoint(self.state.best_model_checkpoint)


class _Progress(TrainerCallback):
    def __init__(self, watch: Watch, name: str) -> None:
        self._watch, self._name, self._dev = watch, name, ""

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self._watch(Event("fit", self._name, state.max_steps - state.global_step))

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self._watch(Event("step", self._dev))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        self._dev = f"dev {metrics['eval_dev']:.2f}"


def _head(spec: Train, whole: SentenceTransformer) -> list[nn.Module]:
    """What is on top while training: SimCSE's own is a linear layer as wide as the embedding, and tanh."""
    width = whole.get_embedding_dimension()
    assert width is not None
    return [Dense(width, width, activation_function=nn.Tanh())] if spec.head == "mlp" else []


def _dataset(texts: Texts) -> Dataset:
    """The examples in columns; a single sentence is its own positive."""
    examples = texts.examples if texts.supervised else [(s, s) for (s,) in texts.examples]
    return Dataset.from_dict(dict(zip(COLUMNS, map(list, zip(*examples, strict=True)), strict=False)))


def _arguments(spec: Train, seed: int, folder: Path, steps: int, delay: int) -> SentenceTransformerTrainingArguments:
    """delay: the step from which on a checkpoint may be the best."""
    every = min(spec.evaluate_every, steps)
    return SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=spec.batch_size,
        gradient_accumulation_steps=spec.accumulate,
        learning_rate=spec.learning_rate,
        weight_decay=spec.weight_decay,
        warmup_steps=spec.warmup,
        lr_scheduler_type="linear",
        optim=_OPTIMIZERS[spec.optimizer],
        bf16=spec.precision == "bf16",
        fp16=spec.precision == "fp16",
        seed=seed,
        data_seed=seed,
        eval_strategy="steps",
        eval_steps=every,
        eval_delay=delay,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=KEPT,
        load_best_model_at_end=True,
        metric_for_best_model="eval_dev",
        greater_is_better=True,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
    )


@contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    """The trainer seeds and uses the global generators; they are given back as they were."""
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            torch.manual_seed(seed)
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


@contextmanager
def _one_line_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        # What torch raises where a file cannot grow.
        if isinstance(error, RuntimeError) and "inline_container" not in str(error):
            raise
        reason = getattr(error, "strerror", None) or str(error).strip().split("\n")[0]
        raise StoreError(
            f"{folder}: checkpoints cannot be written ({reason}): make room and give the same command again, "
            "or choose another place with --store"
        ) from error
