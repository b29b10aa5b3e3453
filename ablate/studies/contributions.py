"""The contributions of many scorers on one calibration set, in as few passes as possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ablate.data.calibration import Calibration
from ablate.engine.collect import collect
from ablate.engine.passes import passes_of
from ablate.engine.score import score
from ablate.models.chunks import Chunks
from ablate.models.model import Model
from ablate.plan.plan import Step
from ablate.store.keys import scores_key
from ablate.store.store import Store


def contributions(
    model: Model,
    calibration: Calibration,
    steps: Sequence[Step],
    store: Store,
    on_pass: Callable[[str], None] = lambda _: None,
    chunks: Chunks | None = None,
) -> Iterator[tuple[Step, NDArray[np.float32]]]:
    """The dense model's contributions for the granularity and scorer of each step, from the store if it has them.

    Computed contributions are not stored: those of single weights are large, and callers keep only a small part.

    Args:
        chunks: where passes are made; by default in this process.

    Yields:
        Each step with float32 [units]: first the steps whose contributions are in the store, then the others.

    Raises:
        AblateError: a batch is larger than the calibration set, or a loss or a contribution is not finite.
    """
    missing = []
    for step in steps:
        stored = store.get_scores(scores_key(model, calibration, step.scorer, step.granularity, step.seed))
        if stored is None:
            missing.append(step)
        else:
            yield step, stored
    # Collected for all steps together, because scorers share passes over the calibration set.
    requests = [request for step in missing for request in step.requests]
    collected = collect(model, calibration, requests, on_pass, chunks=chunks)
    for step in missing:
        layers = {step.granularity: step.granularity.layers(model)}
        yield step, score(model, calibration, step, collected, layers)[step.granularity]


def require_examples(calibration: Calibration, steps: Sequence[Step]) -> None:
    """Refuses a calibration set that is too small for a batch, before anything is computed.

    Raises:
        AblateError: the set is too small for a statistic of a step's scorer.
    """
    passes_of([request for step in steps for request in step.requests], calibration)
