"""Random contributions: the control that every scorer has to beat."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ablate.scorers.base import Scorer, View


class Random(Scorer):
    """Uniform in [0, 1), seeded."""

    name: ClassVar[str] = "random"
    help: ClassVar[str] = "uniform random contributions, seeded"
    seeded: ClassVar[bool] = True

    def score(self, view: View) -> Tensor:
        return torch.rand(len(view.layers), generator=view.generator)
