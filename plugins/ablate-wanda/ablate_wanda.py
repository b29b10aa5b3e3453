"""The Wanda score (Sun et al. 2023, *A Simple and Effective Pruning Approach for Large Language Models*)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from ablate.plugin_api import InputNorm, Scorer, View, hookimpl

ablate_api = 3


class Wanda(Scorer):
    """``|W_ij| · ‖X_j‖₂`` (eq. 1), X being the weight's inputs; of a larger unit the sum over its weights."""

    name: ClassVar[str] = "wanda"
    help: ClassVar[str] = "weight magnitude times the norm of the weight's input"

    sentences: int | None = Field(None, ge=1, description="calibration sentences used; default: all")

    def statistics(self) -> tuple[InputNorm, ...]:
        return (InputNorm(self.sentences),)

    def score(self, view: View) -> Tensor:
        norms = view.input_norms[InputNorm(self.sentences)]
        return view.reduce({name: weight.abs() * norms[name] for name, weight in view.weights().items()})


@hookimpl
def ablate_register_scorers(register: Callable[[type[Scorer]], None]) -> None:
    register(Wanda)
