"""Works on one chunk, in any process or machine, as :mod:`ablate.engine.evaluate` does on one cell."""

from __future__ import annotations

from ablate.engine.evaluate import kept
from ablate.engine.worker import THIS_PROCESS
from ablate.executors.base import Failure
from ablate.executors.chunk import Chunk, ChunkDone
from ablate.interrupts import any_failure
from ablate.models.masked import masked
from ablate.surroundings import restored


def work_on(chunk: Chunk) -> ChunkDone:
    """Calls the chunk's function with the model, which this process has loaded or loads now.

    Returns:
        Its value, or a failure. Only exceptions that end a process, such as KeyboardInterrupt, are raised.
    """
    try:
        model = THIS_PROCESS.evaluator(chunk).model
    except any_failure() as error:
        return chunk.failed(Failure.of(error, "place"))
    try:
        with model.guard.hold(wait=True), restored(), masked(model, kept(chunk.mask, model)):
            return ChunkDone(chunk.number, chunk.call(model, chunk.given))
    except any_failure() as error:  # the code of a plug-in may raise anything
        return chunk.failed(Failure.of(error, "other"))
