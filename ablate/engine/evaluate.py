"""One evaluation, from plain data to results. Every executor calls it, in any thread, process or machine."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from ablate.engine.evaluator import Embeddings, Evaluator
from ablate.engine.worker import THIS_PROCESS, check_version
from ablate.executors.base import Culprit, Evaluated, Evaluation, Failure, PackedMask
from ablate.interrupts import any_failure
from ablate.models.device import DeviceFull, out_of_memory
from ablate.models.masked import merge
from ablate.models.model import Model
from ablate.models.weights import Weights
from ablate.surroundings import restored
from ablate.tasks.loaded import Loaded
from ablate.tasks.result import Result


def evaluate(evaluation: Evaluation) -> Evaluated:
    """Evaluates one cell with what this process has loaded, or loads now.

    Concurrent calls take turns: each waits until it alone holds the model. A failing task does not affect the others.

    Returns:
        For every task a result or a failure. Only exceptions that end a process, such as KeyboardInterrupt, are raised.
    """
    culprit: Culprit = "place"
    try:
        evaluator = THIS_PROCESS.evaluator(evaluation)
        culprit = "other"
        weights = THIS_PROCESS.weights(evaluation.weights) if evaluation.weights else None
    except any_failure() as error:
        return evaluation.failed(Failure.of(error, culprit))
    tasks: list[Loaded] = []
    failures: dict[str, Failure] = {}
    for wanted in evaluation.tasks:
        try:
            tasks.append(THIS_PROCESS.task(wanted, evaluation.source))
        except any_failure() as error:
            failures[wanted.name] = Failure.of(error, "data")
    with evaluator.model.guard.hold(wait=True), restored():
        start = time.perf_counter()  # after waiting for the model
        results, failed = _measured(evaluation, evaluator, weights, tasks)
        return Evaluated(evaluation.cell, results, failures | failed, time.perf_counter() - start)


def _measured(
    evaluation: Evaluation, evaluator: Evaluator, weights: Weights | None, tasks: Sequence[Loaded]
) -> tuple[dict[str, Result], dict[str, Failure]]:
    results: dict[str, Result] = {}
    failures: dict[str, Failure] = {}
    if not tasks:
        return results, failures
    try:
        embedded = _embedded(evaluation, evaluator, weights, tasks)
    except any_failure() as error:
        # No plug-in is to blame when the memory is full. Any other error is blamed on the granularities of the mask.
        full = isinstance(error, MemoryError | DeviceFull) or out_of_memory(error)
        failure = Failure.of(error, "other" if full else "mask")
        return results, dict.fromkeys((task.name for task in tasks), failure)
    for task in tasks:
        try:
            results[task.name] = embedded.measure(task)
        except any_failure() as error:  # a plug-in's task may raise anything; that must cost no other task
            failures[task.name] = Failure.of(error, "task")
    return results, failures


def _embedded(
    evaluation: Evaluation, evaluator: Evaluator, weights: Weights | None, tasks: Sequence[Loaded]
) -> Embeddings:
    return evaluator.embed(kept(evaluation.mask, evaluator.model), tasks, evaluation.precision, weights)


def kept(mask: Sequence[PackedMask], model: Model) -> dict[str, torch.Tensor]:
    """What the masks of several granularities together keep of the weights.

    Raises:
        PluginError: a granularity is of another version here than in the coordinator.
    """
    for part in mask:
        check_version("granularity", part.granularity.name, part.granularity.version, part.version)
    return merge([part.granularity.keep(model, torch.from_numpy(part.unpacked())) for part in mask])
