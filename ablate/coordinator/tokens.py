"""How many tokens the parts of a run encode besides its tasks: passes, trainings of scorers, trainings of cells."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.coordinator.model_run import ModelRun
from ablate.data.calibration import Over
from ablate.engine.passes import Pass
from ablate.models.encode import prepare
from ablate.plan.job import Job
from ablate.plan.plan import Step
from ablate.recipe.schedule import steps_of
from ablate.tasks.loaded import Loaded

BACKWARD = 3
"""A gradient pass takes about as long as this many forward passes over the same tokens."""

UPDATE = 2
"""An update of a scorer's training, which has no gradients of weights, takes about as long as this many of them."""

PROBE = 128
"""How many texts are tokenized or encoded for an estimate."""


def task_tokens(model_run: ModelRun, tasks: Sequence[Loaded]) -> int:
    """The tokens of the distinct texts of tasks."""
    return model_run.evaluator.prepared(tasks)[1].tokens if tasks else 0


def pass_tokens(model_run: ModelRun, planned: Pass) -> float:
    return _tokens_each(model_run, planned.over) * planned.size


def learning_tokens(model_run: ModelRun, step: Step) -> float:
    """The tokens of one training of a scorer."""
    each = ((batches, _tokens_each(model_run, batches.over)) for batches in step.scorer.batches)
    own = model_run.calibration.batch_size
    return step.scorer.trains * sum((batches.batch_size or own) * tokens for batches, tokens in each)


def scoring_tokens(model_run: ModelRun, step: Step) -> int:
    """The tokens of all distinct texts that a slow scorer looks at: of its tasks, or else of its batches' examples."""
    named = step.scorer.tasks()
    if named:
        return task_tokens(model_run, [task for name in named for task in model_run.masks.tasks[name]])
    texts = [text for batches in step.scorer.batches for text in _texts(model_run, batches.over)]
    return prepare(model_run.model, list(dict.fromkeys(texts))).tokens


def _tokens_each(model_run: ModelRun, over: Over) -> float:
    """The mean number of tokens of a calibration example."""
    examples = len(model_run.calibration.examples(over))
    return prepare(model_run.model, _texts(model_run, over)).tokens / max(examples, 1)


def _texts(model_run: ModelRun, over: Over) -> list[str]:
    """The texts of all calibration examples."""
    examples = model_run.calibration.examples(over)
    return [text for left, right, *_ in examples for text in (left, right)] if over != "sentences" else list(examples)


def training_tokens(job: Job, model_run: ModelRun) -> float:
    """The tokens of one training, from its first examples. Evaluations on the screen tasks are not counted."""
    spec, texts = job.recipe.train, job.texts
    if spec is None or texts is None:
        return 0.0
    probed = texts.examples[:PROBE]
    tokens = sum(prepare(model_run.model, list(column)).tokens for column in zip(*probed, strict=True)) / len(probed)
    # A single sentence is its own positive, and is encoded twice.
    copies = 1 if texts.supervised else 2
    return steps_of(spec, len(texts.examples)) * spec.accumulate * spec.batch_size * tokens * copies
