"""Trains a model by SimCSE's objective under a mask, with the trainer of sentence-transformers."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch import Tensor, nn
from transformers import PrinterCallback, TrainerCallback

from ablate.arguments import argument
from ablate.errors import AblateError, StoreError
from ablate.events import Event, Watch
from ablate.granularities.base import Granularity
from ablate.granularities.units import Units
from ablate.models.device import exact_float32, full_means, label
from ablate.models.model import Model
from ablate.models.quiet import quiet
from ablate.models.sentence_transformer import put_backbone, sentence_transformer
from ablate.models.spec import ModelSpec
from ablate.plan.training_texts import Texts
from ablate.recipe.schedule import cubic, steps_of
from ablate.recipe.training import Train
from ablate.tasks.loaded import Loaded
from ablate.training.checkpoints import SaveMask, newest_checkpoint, read_mask
from ablate.training.dev import DevEvaluator
from ablate.training.enforce_mask import EnforceMask
from ablate.training.gradual import GradualPruning, Prune
from ablate.training.trainer import ReportProgress, Trainer, arguments, dataset


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    weights: every parameter of the backbone, float32 on the CPU, exactly 0 where the mask removes it.
    units: the mask at the end of the training, by granularity.
    about: ``dev`` (the best mean score on the screen tasks), ``best_step``, ``steps``, ``history`` (step and dev score
        of each evaluation) and ``seconds``.
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
    """Trains a copy of a model's backbone on the model's device. Other modules, such as a dense layer, are not trained.

    The library draws dropout on the device, so another kind of device gives other weights.

    Args:
        tasks: their mean score decides which checkpoint is the best.
        folder: for the checkpoints of this training alone. If it has one, the training continues from the newest.
        units: the mask at the start.
        granularities: those that the mask at the end may have.
        prune: makes the next mask, for gradual pruning.
        name: shown by the progress.

    Raises:
        AblateError: the training diverged, or the disk is full.
    """
    start = time.perf_counter()
    with _storage_errors(folder), _full_memory(model, spec), _global_random_state(seed), quiet() as messages:
        plain, backbone = _copy_to_train(model, model_spec, spec)
        with_head = _with_head(spec, plain)
        checkpoint = newest_checkpoint(folder)
        steps = steps_of(spec, len(texts.examples))
        schedule = cubic(spec.gradual, steps) if prune is not None else {}
        save = SaveMask(units if checkpoint is None else Units.of(read_mask(checkpoint), granularities))
        enforce = EnforceMask(backbone, save.units.keep(model))
        callbacks: list[TrainerCallback] = [enforce]
        if prune is not None:
            callbacks.append(GradualPruning(model, backbone, schedule, prune, enforce, save))
        trainer = Trainer(
            model=with_head,
            args=arguments(
                spec, seed, folder, steps, model.encoding.prompt, max(schedule, default=0), device=model.device
            ),
            train_dataset=dataset(texts),
            # The library's scale is the inverse of SimCSE's temperature.
            loss=MultipleNegativesRankingLoss(with_head, scale=1 / spec.temperature),
            evaluator=DevEvaluator(plain, model.encoding, tasks),
            callbacks=[*callbacks, save, ReportProgress(watch, name)],
        )
        # It prints to stdout, which is for results.
        trainer.remove_callback(PrinterCallback)
        try:
            with exact_float32():
                trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        finally:
            enforce.remove_hooks()
    for message in messages:
        watch(Event("note", f"{name}: {message}"))
    return Fitted(_finite_weights(backbone), save.units, _summary(trainer) | {"seconds": time.perf_counter() - start})


def _copy_to_train(model: Model, model_spec: ModelSpec, spec: Train) -> tuple[SentenceTransformer, nn.Module]:
    """The model's modules, with a copy of its backbone in place of the backbone, and that copy.

    Of all parameters, only the copy's have gradients.
    """
    modules = sentence_transformer(model_spec, model.encoding.prompt).requires_grad_(False)
    backbone = copy.deepcopy(model.backbone).requires_grad_(True)
    put_backbone(modules, backbone)
    modules.max_seq_length = min(spec.max_length, model.encoding.max_length)
    return modules, backbone


def _with_head(spec: Train, modules: SentenceTransformer) -> SentenceTransformer:
    """The model with the head of training. SimCSE's is a linear layer as wide as the embedding, followed by tanh."""
    width = modules.get_embedding_dimension()
    assert width is not None
    head = [Dense(width, width, activation_function=nn.Tanh())] if spec.head == "mlp" else []
    # Otherwise it looks for the model's folder on the Hub, for the card that it writes beside each checkpoint.
    return SentenceTransformer(modules=[*modules, *head], device="cpu", local_files_only=True)


def _finite_weights(backbone: nn.Module) -> dict[str, Tensor]:
    # At its end, the trainer has put the weights of the best checkpoint into the backbone.
    weights = {name: p.detach().cpu().float().contiguous() for name, p in backbone.named_parameters()}
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise AblateError("training diverged: weights are not finite; lower train.learning_rate")
    return weights


def _summary(trainer: Trainer) -> dict[str, Any]:
    """What :class:`Fitted` says about a training, except its seconds."""
    assert trainer.state.best_model_checkpoint is not None
    return {
        "dev": trainer.state.best_metric,
        "best_step": int(trainer.state.best_model_checkpoint.rpartition("-")[2]),
        "steps": trainer.state.global_step,
        "history": [(log["step"], log["eval_dev"]) for log in trainer.state.log_history if "eval_dev" in log],
    }


def _full_memory(model: Model, spec: Train) -> AbstractContextManager[None]:
    return full_means(
        f"a training batch of {spec.batch_size} does not fit into the free memory of {label(model.device)}; lower "
        "train.batch_size, and raise train.accumulate by as much"
    )


@contextmanager
def _global_random_state(seed: int) -> Iterator[None]:
    """Seeds the global random generators, which the trainer uses, and restores them at the end."""
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            torch.manual_seed(seed)
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    """Turns the errors of a full or unwritable disk into a StoreError of one line.

    Raises:
        StoreError: a checkpoint cannot be written.
    """
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        # torch.save raises a RuntimeError that names `inline_container` if the file cannot grow. Others are not ours.
        if isinstance(error, RuntimeError) and "inline_container" not in str(error):
            raise
        reason = getattr(error, "strerror", None) or str(error).strip().split("\n")[0]
        raise StoreError(
            f"{folder}: checkpoints cannot be written ({reason}): make room and give the same command again, "
            f"or give another {argument('store')}"
        ) from error
