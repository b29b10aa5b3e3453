"""The trainer of sentence-transformers, set up as a recipe says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from transformers import TrainerCallback, TrainerState

from ablate.events import Event, Watch
from ablate.plan.training_texts import COLUMNS, Texts
from ablate.recipe.training import Train
from ablate.training.checkpoints import KEPT

_OPTIMIZERS = {"adamw": "adamw_torch", "adafactor": "adafactor", "sgd": "sgd"}


class Trainer(SentenceTransformerTrainer):
    """The library's trainer without its model card, and with an error if the best weights cannot be loaded."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Adds none: export writes its own card."""

    def _load_best_model(self) -> None:
        # The library only logs a failure to load the best weights, and returns the last ones.
        assert self.state.best_model_checkpoint is not None
        self._load_from_checkpoint(self.state.best_model_checkpoint)


class ReportProgress(TrainerCallback):
    """Sends an event at the start of the training and after each of its steps."""

    def __init__(self, watch: Watch, name: str) -> None:
        self._watch, self._name, self._dev = watch, name, ""

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        steps = state.max_steps - state.global_step
        self._watch(Event("fit", self._name, steps, part="train"))

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self._watch(Event("step", self._dev))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        self._dev = f"dev {metrics['eval_dev']:.2f}"


def dataset(texts: Texts) -> Dataset:
    """The examples, one column for each text of an example.

    A single sentence is given twice, as its own positive: the two passes differ in their dropout masks.
    """
    examples = texts.examples if texts.supervised else [(s, s) for (s,) in texts.examples]
    # Not strict, because only examples with a hard negative have all columns.
    return Dataset.from_dict(dict(zip(COLUMNS, map(list, zip(*examples, strict=True)), strict=False)))


def arguments(
    spec: Train, seed: int, folder: Path, steps: int, prompt: str, first_eligible: int, device: torch.device
) -> SentenceTransformerTrainingArguments:
    """The arguments of the trainer.

    Args:
        folder: of the checkpoints.
        steps: of the optimizer, in all.
        prompt: what evaluation prepends to each sentence; training does too.
        first_eligible: the first step whose checkpoint may be the best. While the sparsity still grows, a checkpoint
            has too many units.
        device: of the training.
    """
    every = min(spec.evaluate_every, steps)
    made = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        prompts=prompt or None,
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
        eval_delay=first_eligible,
        # The trainer can load the best weights only if it saves a checkpoint at every evaluation.
        save_strategy="steps",
        save_steps=every,
        save_total_limit=KEPT,
        load_best_model_at_end=True,
        metric_for_best_model="eval_dev",
        greater_is_better=True,
        # Progress is shown from the events of `ReportProgress`.
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        # Without a GPU, pinned memory has no use, and torch warns about it.
        dataloader_pin_memory=device.type == "cuda",
        use_cpu=device.type == "cpu",
    )
    if device.type != "cpu":
        _put_on(made, device)
    return made


def _put_on(arguments: SentenceTransformerTrainingArguments, device: torch.device) -> None:
    """Makes the trainer use one device. It would use the first GPU, or divide each batch among all of them.

    A batch that is divided has fewer negatives for each of its texts, which is another objective.
    """
    # First, because transformers finds its devices only when it is asked.
    assert arguments.device is not None
    arguments.__dict__["_setup_devices"] = device
    arguments._n_gpu = 1
    arguments.distributed_state.device = device
