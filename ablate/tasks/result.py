"""The result of one evaluation on one task, which executors return and the store keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.errors import REASON, shortened
from ablate.statistics.arrays import require_float32_vector


@dataclass(frozen=True)
class Result:
    """A model's result on one task.

    status: ``ok``, with a score, or ``undefined``, with a reason and without a score.
    reason: at most 500 characters; of a longer one the rest is cut.
    score: the task's metric in the task's unit; finite, never NaN.
    values: float32 [n], the task's value of each item, or None if it has none.
    seconds: how long the evaluation took.
    about: anything that JSON can represent.

    Raises:
        ValueError: the status is neither of the two or does not agree with the score, a number is not finite, or values
            is not a float32 vector.
    """

    status: str
    reason: str | None
    score: float | None
    values: NDArray[np.float32] | None
    seconds: float
    about: dict[str, Any]

    def __post_init__(self) -> None:
        if self.status not in ("ok", "undefined"):
            raise ValueError(f"the status of a result is 'ok' or 'undefined', not {self.status!r}")
        if (self.status == "ok") != (self.score is not None):
            raise ValueError(f"a result has a score if and only if it is 'ok': {self.status!r} with {self.score}")
        if self.status == "undefined" and not self.reason:
            raise ValueError("an undefined result needs a reason")
        if self.reason is not None:
            object.__setattr__(self, "reason", shortened(self.reason, REASON))
        if self.score is not None and not math.isfinite(self.score):
            raise ValueError(f"{self.score} is not a score: an undefined score is status 'undefined' with a reason")
        if not math.isfinite(self.seconds):
            raise ValueError(f"{self.seconds} is not a duration")
        if self.values is not None:
            require_float32_vector("values", self.values)
