"""Weight magnitude."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ablate.scorers.base import Scorer, View


class Magnitude(Scorer):
    """``|w|`` of a weight; for a larger unit, the L2 norm of the weights that carry its output."""

    name: ClassVar[str] = "magnitude"
    help: ClassVar[str] = "L2 norm of the weights that carry the unit's output"

    def score(self, view: View) -> Tensor:
        return view.reduce({name: weight.square() for name, weight in view.weights().items()}).sqrt()
