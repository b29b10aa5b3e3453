"""The part of a run that is of one of its models."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from ablate.arguments import argument
from ablate.errors import AblateError, suggest
from ablate.record import RunRecord

R = TypeVar("R", bound=RunRecord)


def of_model(results: R, model: str | None) -> R:
    """The run with the rows of one model alone.

    Args:
        model: as rows and tables name it. None: all models.

    Raises:
        AblateError: the run has no such model, and the message names the nearest one; or the model failed.
    """
    if model is None:
        return results
    failed = results.about.failed_models or {}
    names = [name for name in results.about.models if name not in failed]
    if model in failed:
        raise AblateError(f"{argument('model')}: '{model}' failed in run {results.about.run}: {failed[model]}")
    if model not in names:
        raise AblateError(
            f"{argument('model')}: run {results.about.run} has no model '{model}'; {suggest(model, names)}"
        )
    return replace(results, rows=[row for row in results.rows if row.model == model])
